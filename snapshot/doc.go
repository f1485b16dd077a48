// Package snapshot keeps signed copies of the whole replicated state, and carries ledgers from one
// directory to another.
//
// # Concepts
//
// A snapshot is the state right after one entry of the log: every element, key and value, in the
// order of the keys, in one bbolt file. Its Manifest says which entry that was, what the chain
// hash and the state hash are there, and what the SHA-256 of the bbolt file is; the node signs it.
// With the commit certificate in it, the manifest ties the state to an entry that a quorum agreed
// on; once a quorum has signed the state hash too, its checkpoint certificate is added.
//
// A carrier is one portable file: a ledger's genesis, a snapshot if the history before it is left
// behind, the entries that follow, and their proofs.
//
// # Files
//
// Two files make a snapshot, named after its index in 20 digits:
//
//	00000000000000250000.state     bbolt: bucket "elements", key to value
//	00000000000000250000.manifest  the signed manifest
//
// The state is written, synced and renamed into its place first, then the manifest: a snapshot
// exists if and only if its manifest does, and a crash at any step leaves at most files that the
// next Create removes. Where a snapshot of the same index is replaced its manifest goes first; a
// crash in between loses that one snapshot, and no other. No byte of a state file is interpreted
// before its SHA-256 was compared with the manifest: a damaged or hostile B+tree is never walked.
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
//	5     record: kind (1), index (8), bytes; commit certificates and epochs, among the entries, each
//	      behind the entry that it speaks of
//	6     end: number of elements (8), of entries (8), SHA-256 over all frames before it (32)
//
// Version 1, "juno carrier 1\n\x00", is still read: it has no frames of type 7, and all records stand
// behind all entries.
//
// No frame is empty. Elements ascend by key, across frames too, and are as many as the manifest
// says; entries begin right after the manifest's position, or with 1, and leave none out. Nothing
// follows the end. How things are spread over frames, and the compression, are the writer's.
//
// # Guarantees
//
// What Open gives is, byte for byte, what the node signed. What Import gives before End may still
// turn out to be cut off or damaged behind: a receiver keeps it apart until End. Both need memory
// for one frame or page and no more, and their errors name file or offset, what was there and
// what was expected.
//
// # What it does not do
//
// It knows nothing of what elements mean: the state hash is recomputed by a Hasher that the
// caller brings (Snapshot.Verify). It does not decide whom to trust: the caller brings the keys
// that may sign. Import does not check the chain, the signatures or the state hash of what a
// carrier holds, only its form. A snapshot does not prove that its node computed the state right;
// a quorum's checkpoint certificate does, or replaying the log.
package snapshot
