// Package wal is the write-ahead log: the one place where a ledger is durable. Everything else
// on the disk can be computed from it.
//
// # Concepts
//
// A [Log] is a directory of append-only segment files that hold the entries of one cluster's log,
// and the records that consensus must not forget. Nothing that was written is ever overwritten.
//
// A [Batch] is what one step of the core asks for: cut the log back, append these entries, note
// these records. It takes effect as a whole or not at all, and costs one write and one sync.
//
// An entry is a [juno.Entry]. The log knows its place in the hash chain and checks it. A [Record]
// is {kind, the index it speaks about, bytes}; the log does not know what the bytes mean. A kind
// below [HistoryKindMin] is state: the newest record of a kind replaces the older ones. The other
// kinds are history: all records are kept, and found by their index.
//
// The tip is the position (index and chain hash) of the newest entry. The start is the position
// before the first entry: {0, cluster id} for a ledger from its beginning, and the position of a
// snapshot for one that was imported.
//
// # Writing
//
// One goroutine writes: [Log.Append], [Log.Sync], [Log.AppendSync], [Log.MarkDurable], [Log.Drop],
// [Log.Close]. Appended entries can be read at once; they are promised after Sync has returned.
// Cutting back is a record too: a crash finds it with its whole batch, or not at all. A log is
// never cut back below the floor ([Log.SetFloor]), which is what the caller knows as committed.
//
// A failed write or sync leaves the file in a state that nobody knows. From then on every writing
// call returns that first error, wrapped in [ErrFailed]; the process must stop, and Open finds out
// what is there. A full disk is [vfs.ErrNoSpace] under ErrFailed. A batch that is refused because
// the caller made a mistake ([ErrBatch], [ErrFloor]) writes nothing and spoils nothing.
//
// # Reading
//
// Any number of goroutines read beside the writer. They see a log that does not change while they
// read it, up to the tip at the moment of the call. [Log.Entry] and [Log.Pos] cost one pread of a
// few kilobytes in a segment whose index is in memory, one more for a segment whose is not. Every
// record's checksum is verified whenever it is read. The hash chain is verified by Open, for the
// segments that it is not told to trust, and for all by [Log.Check] and [Verify].
//
// # Recovery
//
// A torn tail is what a crash leaves of batches that were not synced. Open cuts it, and nothing
// else. Damage to anything that was synced is a [CorruptError] with file and offset: it is never
// repaired, because what cannot be read might have been promised to somebody. Which of the two
// an unreadable batch at the end of the last segment is, is decided by evidence, any of which
// proves that the batch was synced, so that it is damage:
//
//   - it is in a segment that is not the last, or it is the first batch of its segment: both are
//     synced before the next file, or the file itself, gets its name;
//   - a later batch exists: every batch header says up to where the file was durable when it was
//     written, and begins behind the batches before it. An intact header anywhere behind the
//     damage is found by searching;
//   - the file DURABLE says so: after each sync the position reached is written there, without
//     waiting for it. A killed process leaves it to the kernel to write, Close and MarkDurable
//     sync it. So it is missing only after a power failure within seconds of the batch;
//   - the caller says so: a log that ends before [Options.Held] is refused;
//   - its shape says so. What a crash tears is missing: sectors never written, which read as
//     zeros, or an end never written. A batch that has its last byte and no empty sector where
//     the damage is was written as a whole, and changed later.
//
// What remains undecidable: after a power failure, the very last batch, not yet noted in DURABLE,
// damaged by something that looks like missing sectors. Such a batch is cut. And the reverse: a
// disk that leaves garbage, not zeros, where a write did not arrive, makes Open report damage
// where there is only a torn tail; it errs on the side of refusing.
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
// What Sync promised is there after any crash, or Open says that it is not. What was not promised
// is there as whole batches, a prefix of what was appended, or not at all. Nothing appears that
// was not appended.
//
// # What it does not do
//
// It does not know what is committed, who signed what, or what a record means. It does not defend
// against somebody who can write to the disk and recomputes every checksum and hash: that is what
// commit certificates and signatures are for, see [Verify]. It reads no clock and starts
// goroutines only to verify.
package wal
