// Package juno is the vocabulary of the Juno ledger: the things that all its rooms talk about,
// their canonical bytes, their hashes and their signatures.
//
// # Concepts
//
// A ledger is a log of entries. An [Entry] has an [Index] from 1, a [Term], a time, a type and a
// payload; most payloads are a client's [Command]. Entries are chained: the chain hash h_i covers
// entry i and h_{i-1}, so a [Pos], an index and the hash there, names a whole history.
//
// A ledger begins with a [Genesis]: its first members and clients. The hash of the genesis is the
// [ClusterID]; it is h_0, and part of everything that is ever signed, so nothing that was said in
// one ledger means anything in another.
//
// Every voting node keeps the log. An [EpochConfig] is the membership of one epoch: of n voters,
// f = floor((n-1)/3) may be Byzantine, that is do anything at all, and q = ceil((n+f+1)/2) are a
// quorum: two quorums share at least one correct voter. An entry of type [EntryConfig] holds a
// [ConfigChange] and ends its epoch. A term belongs to an epoch and has one leader, which is a
// function of the term.
//
// A node says how far it is in a [Vote]. A [QuorumCertificate] is a quorum's votes of one term: of
// kind [Prepare] it makes sure that no other position of that term can win, of kind [Commit] that
// the position, and everything before it, is final.
//
// Every statement that counts is signed: an [Envelope] says of which [Kind] it is, by which key
// and over which bytes. A [Keyring] knows which key is whose at which index; only it makes a
// [Verified], which has no encoding, so trust cannot arrive from outside. A [BatchVerifier] checks
// many signatures for a fraction of the price of each.
//
// A command is named for ever by its key's owner and its [RequestID]. A client may sign many at
// once with a [BatchHead]. What came of a command is its [Result], equal on all nodes; an [Answer]
// is a node's signature over it, and f+1 equal answers make it certain. A [Receipt] is all of this
// in one file: proof, to somebody who has nothing else, that an entry is committed.
//
// An [Amount] is an exact rational number. Nothing in Juno is a floating-point number except
// where a [Query] asked for a function that is inexact by name.
//
// # Bytes
//
// Every thing has exactly one encoding, written by hand. Numbers are big-endian of fixed size, or
// unsigned LEB128 in its shortest form (uvarint); a text or list begins with its length (uvarint).
// Decoders ([Decoder]) refuse everything that the encoder would not have written: longer forms,
// other versions, numbers and lengths beyond their limits, bytes left over, booleans other than 0
// and 1, text that is not UTF-8. Lengths are checked before memory is taken. Where bytes are the
// payload of an entry or are signed, they begin with a version.
//
//	what          layout at          payload of, or read by     version
//	Entry         AppendEntry        Decoder.Entry              (the log's)
//	EntryHeader   AppendEntryHeader  Decoder.EntryHeader        (49 bytes)
//	Pos           AppendPos          Decoder.Pos                (40 bytes)
//	Command       Command            EntryCommand               1
//	BatchHead     BatchHead          EntryBatchHead             1
//	KeyOp         KeyOp              EntryKeyOp                 1
//	ConfigChange  ConfigChange       EntryConfig                1
//	ModeChange    ModeChange         EntryMode                  1
//	Genesis       AppendGenesis      ParseGenesis               1
//	EpochConfig   AppendConfig       Decoder.Config             1
//	KeyRecord     AppendKeyRecord    Decoder.KeyRecord          (the reader's)
//	Vote          Vote.Body          Decoder.SignedVote         1
//	Certificate   AppendCertificate  Decoder.Certificate        1
//	Result        AppendResult       Decoder.Result             1
//	Answer        Answer             Decoder.Answer             1
//	Amount        AppendAmount       Decoder.Amount             (one form for ever)
//	Receipt       FormatReceipt      ParseReceipt               "juno receipt 1"
//
// The payload of [EntryTermStart] is the hash of the proof that its leader was elected; that of
// [EntryNoop] is empty.
//
// Everything that is hashed or signed begins with a tag that says what it is:
//
//	juno1/genesis  ClusterID: | genesis
//	juno1/entry    chain hash: | h_{i-1} | index (8) | term (8) | time (8) | type (1) |
//	               SHA-256(payload)
//	juno1/config   EpochConfig.Hash: | membership
//	juno1/result   Result.Hash: | status, code and value of a result, as encoded
//	juno1          signatures: | Kind (1) | ClusterID (32) | body
//	00, 01         leaves and nodes of Merkle trees, RFC 6962 §2.1
//
// Hashes are SHA-256. Signatures are ed25519 (RFC 8032), judged by ZIP-215, one by one and in
// batches alike, so that no two nodes can disagree about one. A [CommandID] is the plain hash of a
// command's payload, as in a [EntryHeader].
//
// # Guarantees
//
// Equal inputs give equal bytes, on every machine and in every run: there is no clock, goroutine,
// entropy, floating point, map order or input and output in here. What a decoder accepts, its
// encoder writes back byte for byte. No input from outside makes it panic or take more memory
// than a small multiple of the input; a panic is a broken promise of the calling code.
//
// # What it does not do
//
// It does not decide what commands mean (db/state does), which entries are committed
// (cluster/consensus does), or where anything is kept (wal, db and snapshot do). It keeps no
// secrets: a [PrivateKey] is held in memory as it is, and is not erased. A certificate proves what
// a quorum said, which is true as long as no more than f voters of that epoch are Byzantine; with
// fewer than four voters that is none. Whoever holds the old keys of a quorum can forge a history
// that leaves the true one in that epoch: pin a recent position, or the membership, where that
// matters.
package juno
