// Package wal implements the write-ahead log, the only durable copy of a ledger. Everything else on
// the disk can be computed from it.
//
// # Concepts
//
// A [Log] is a directory of append-only segment files. They hold the entries of one cluster's log
// and the records that consensus must not lose. Nothing that was written is ever overwritten.
//
// A [Batch] holds what one step of the consensus core writes: a truncation, entries, and records,
// each of them optional. A batch takes effect as a whole or not at all, and costs one write and one
// sync.
//
// An entry is a [juno.Entry]. The log checks its place in the hash chain. A [Record] has a kind, an
// index that it is about, and bytes, whose meaning the log does not know. Records of a kind below
// [HistoryKindMin] are state: the newest of a kind replaces the older ones. Records of the other
// kinds are history: all are kept and can be found by their index.
//
// The tip is the position (index and chain hash) of the newest entry. The start is the position
// before the first entry: {0, cluster id} for a ledger from its beginning, and the position of a
// snapshot for one that was imported.
//
// # Writing
//
// Only one goroutine may call [Log.Append], [Log.Sync], [Log.AppendSync], [Log.MarkDurable],
// [Log.Drop] and [Log.Close]. Appended entries can be read at once; they are durable when Sync has
// returned. A truncation is a record like any other: after a crash it is there with its whole
// batch, or not at all. A log is never truncated below the floor ([Log.SetFloor]), up to which the
// caller knows the entries to be committed.
//
// After a failed write or sync the contents of the file are unknown. From then on every writing
// call returns that first error, wrapped in [ErrFailed]. The process must stop; the next Open finds
// out what the file holds. A full disk is reported as [vfs.ErrNoSpace], also wrapped in ErrFailed.
// A batch that is refused because of a mistake of the caller ([ErrBatch], [ErrFloor]) writes
// nothing and changes nothing.
//
// # Reading
//
// Any number of goroutines may read while one writes. A reader sees the log as it was, up to the
// tip, at the moment of the call. [Log.Entry] and [Log.Pos] cost one pread of a few kilobytes, and
// one more if the index of the segment is not in memory. The checksum of a record is verified
// whenever the record is read. Open verifies the hash chain of the segments that it is not told to
// trust; [Log.Check] and [Verify] verify all of it.
//
// # Recovery
//
// A torn tail is what a crash leaves of batches that were not synced. Open removes a torn tail and
// nothing else. Damage to anything that was synced is reported as a [CorruptError] with file and
// offset. It is never repaired, because what cannot be read may have been acknowledged. If a batch
// cannot be read, each of the following proves that it was synced, so that it is damaged and not
// torn:
//
//   - The batch is in a segment that is not the last, or is the first batch of its segment. Both
//     are synced before the next file, or the file itself, gets its name.
//   - A later batch exists. Every batch header holds the offset up to which the file was durable
//     when the batch was written. Open searches for an intact header anywhere behind the damage.
//   - The file DURABLE says so. After each sync the position reached is written there, without
//     waiting. If the process is killed the kernel still writes it; Close and MarkDurable sync it.
//     So it can be out of date only after a power failure within seconds of the batch.
//   - The caller says so: a log that ends before [Options.Held] is refused.
//   - Its shape says so. What a crash tears is missing: sectors that were never written read as
//     zeros, or the end was never written. A batch that has its last byte, and no empty sector
//     where the damage is, was written as a whole and changed later.
//
// Two cases cannot be decided. After a power failure the very last batch, not yet noted in DURABLE,
// may be damaged in a way that looks like missing sectors. Such a batch is removed. Conversely, a
// disk that leaves garbage instead of zeros where a write did not arrive makes Open report damage
// where there is only a torn tail. Open then refuses a log that it could have opened.
//
// # Files
//
//	LOCK           held while a Log is open
//	DURABLE        how far the log was durable; two slots
//	00000001.wal   segments, numbered without gaps; a new one is written under the name
//	               00000002.wal.tmp, synced, and renamed
//
// All numbers are big-endian, save uvarint, which is minimal LEB128. Checksums are CRC-32C. The
// seed of a checksum at offset x of a segment is the checksum of its salt, plus x modulo 2^32: a
// sector that belongs elsewhere does not pass. A zero byte begins nothing: it is space that was
// never written.
//
// Segment header, at offset 0:
//
//	offset size field
//	     0    7 "JUNOWAL"
//	     7    1 version, 1
//	     8    8 number of the segment, as in its name
//	    16    8 number of the oldest segment of the log when this one was begun
//	    24   32 cluster id
//	    56    8 index of the tip when the segment was begun
//	    64   32 chain hash at the tip
//	    96    8 salt, random: nobody who can put bytes into an entry can forge a header with it
//	   104    4 checksum of the 104 bytes before, seed 0
//
// Batches follow, each header, records, trailer:
//
//	header  0 1 0xB5
//	        1 4 length of the records in bytes
//	        5 4 offset in this file up to which it was durable, at most the offset of the header
//	        9 4 checksum of the 9 bytes before
//	record  0 1 type
//	        1 n length of the body, uvarint
//	          m body
//	          4 checksum of type, length, and body
//	trailer 0 1 0x03
//	        1 32 chain hash at the tip after this batch
//	       33 4 checksum of the 33 bytes before
//	       37 1 0xE5: no tear leaves this byte
//
// The types of records, and their bodies:
//
//	0x01       truncate: index (8), chain hash at it (32). The tip is there now. Only first
//	           in a batch.
//	0x10–0x1f  state record of that kind: index (uvarint), bytes
//	0x20–0x3f  history record of that kind: index (uvarint), bytes
//	0x40|type  entry: milliseconds since the entry before (uvarint), payload
//	0x80|type  entry: term (8), time (8), payload
//
// The order in a batch is truncate, entries, records in the order given. The index of an entry is
// the tip's plus one. The long form 0x80 is used exactly where the short form cannot be, and where
// a reader may begin: for the first entry of a batch, where the term changes, where the time goes
// back, and at a checkpoint. A checkpoint is due at the first entry of a segment, at the first
// after a truncate, and at the first that is 32 entries or 8 KiB or more behind the last one.
//
// The first batch of a segment holds the newest state record of each kind, so the last segment
// alone tells the state.
//
// A segment that is full is sealed by an index and a summary behind the last batch, and ends
// there:
//
//	index   0 1 0xEA
//	        1 4 length of the body
//	          m body: the checkpoints of each run: for each run, number of checkpoints (uvarint)
//	            and for each: index and offset (uvarint each, less that of the one before, in
//	            the run) and the chain hash before its entry (32);
//	            then the history records: number of kinds (uvarint), for each kind, ascending:
//	            kind (1), number of records (uvarint), for each: index and offset (uvarint each,
//	            less that of the one before in the kind)
//	          4 checksum of all before
//	summary   m body: offset of the index (4), index and chain hash of the tip (8, 32),
//	            number of runs (uvarint) and for each, first and last index and offset of its
//	            first and behind its last entry (uvarint each);
//	            state records: number (uvarint), for each, ascending by kind: kind (1), offset
//	            (uvarint); history: number of kinds (uvarint), for each, ascending: kind (1),
//	            index of the first and of the last record (uvarint each)
//	          4 length of the body
//	          4 checksum of body and length
//	          1 0xFE
//
// A run is a stretch of entries without a truncate between them. Its first index tells how far
// the log had been cut back before it.
//
// DURABLE has a slot at offset 0 and one at 512, written in turn:
//
//	offset size field
//	     0    7 "JUNODUR"
//	     7    1 version, 1
//	     8    8 number of this write; the slot is the one at offset 512 * (number mod 2)
//	    16    8 segment
//	    24    8 offset in the segment up to which everything is durable
//	    32    4 checksum of the 32 bytes before, seed 0
//
// # Guarantees
//
// What was synced is there after any crash, or Open reports that it is not. Of what was not synced,
// a prefix of whole batches is there, or nothing. Nothing appears that was not appended.
//
// # What it does not do
//
// The package does not know what is committed, who signed what, or what a record means. It does not
// protect against an attacker who can write to the disk and recomputes every checksum and hash;
// commit certificates and signatures do, see [Verify]. It reads no clock and starts goroutines only
// to verify.
package wal
