// Package snapshot stores signed copies of the whole replicated state, and exports and imports
// ledgers as single files.
//
// # Concepts
//
// A snapshot is the state right after one entry of the log: all elements, keys with values, in the
// order of the keys, in one bbolt file. Its Manifest holds the position of that entry, the state
// hash, and the SHA-256 of the bbolt file, and is signed by the node. The commit certificate in the
// manifest ties the state to an entry that a quorum committed. Once a quorum has signed the state
// hash too, its checkpoint certificate is added.
//
// A carrier is one portable file. It holds the genesis of a ledger, a snapshot if it leaves out the
// history before that snapshot, the entries that follow, and their proofs.
//
// # Files
//
// Two files make a snapshot, named after its index in 20 digits:
//
//	00000000000000250000.state     bbolt: bucket "elements", key to value
//	00000000000000250000.manifest  the signed manifest
//
// First the state is written, synced and renamed into place, then the manifest. A snapshot exists
// if and only if its manifest does; a crash at any step leaves at most files that the next Create
// removes. When a snapshot of the same index is replaced, its manifest is removed first. A crash in
// between loses that snapshot and no other. No byte of a state file is interpreted before its
// SHA-256 has been compared with the manifest, so a damaged or hostile B+tree is never read.
//
// # Manifest, to the byte
//
//	size    field
//	1       version, 1
//	32      cluster
//	40      position: index (8, big-endian), chain hash (32)
//	8       term of that entry
//	8       time of that entry, milliseconds since 1970
//	32      state hash
//	8       number of elements
//	8       length of the state file in bytes
//	32      SHA-256 of the state file
//	4       node that made it
//	uvarint length of the commit certificate, then the certificate (0: none)
//	uvarint length of the checkpoint certificate, then the certificate (0: none)
//	8       key id
//	64      signature, as juno.KindSnapshot, over everything before the key id
//
// # Carrier, to the byte
//
// The 16 bytes "juno carrier 2\n\x00", then one zstd stream of frames. A frame is type (1), length
// of the body (4, big-endian), body, CRC-32C over all that (4). In this order:
//
//	type  body
//	1     genesis (juno.AppendGenesis)
//	7     end of an epoch (juno.AppendEpochChange); one frame for each, in order
//	2     manifest; only where the entries do not begin with 1
//	3     elements: each uvarint length and key, uvarint length and value; many frames
//	4     entries: juno.AppendEntry, one after the other; many frames
//	5     record: kind (1), index (8), bytes; commit certificates and epochs, among the
//	      entries, each behind the entry that it speaks of
//	6     end: number of elements (8), of entries (8), SHA-256 over all frames before it (32)
//
// Version 1, "juno carrier 1\n\x00", is still read: it has no frames of type 7, and all records
// stand behind all entries.
//
// No frame is empty. Elements ascend by key, across frames too, and their number is that in the
// manifest. Entries begin right after the position in the manifest, or with 1, without gaps.
// Nothing follows the end. The writer chooses how it divides the contents into frames, and the
// level of compression.
//
// # Guarantees
//
// What Open returns is, byte for byte, what the node signed. What Import returns before End may
// still prove to be cut off or damaged later in the file, so a receiver keeps it apart until End.
// Both need memory for one frame or page only. Their errors name the file or offset, what was found
// and what was expected.
//
// # What it does not do
//
// The package does not know what elements mean: the caller supplies the Hasher that computes the
// state hash (Snapshot.Verify). It does not decide which keys to trust: the caller supplies them.
// Import checks only the form of a carrier, not the chain, the signatures or the state hash of its
// contents. A snapshot by itself does not prove that its node computed the state correctly; the
// checkpoint certificate of a quorum does, or replaying the log.
package snapshot
