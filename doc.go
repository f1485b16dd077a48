// Package juno defines the types that all packages of the Juno ledger share, with their canonical
// encodings, hashes and signatures.
//
// # Concepts
//
// A ledger is a log of entries. An [Entry] has an [Index], counted from 1, a [Term], a time, a type
// and a payload, which for most entries is a client's [Command]. Entries are chained: the chain
// hash h_i covers entry i and h_{i-1}. A [Pos], which is an index and the chain hash at that index,
// therefore identifies a whole history.
//
// A ledger begins with a [Genesis], which lists its first members and clients. The hash of the
// genesis is the [ClusterID]. It is h_0, and it is part of everything that is signed, so a
// signature made for one ledger is invalid in every other.
//
// Every voter keeps the log. An [EpochConfig] is the membership of one epoch. Of its n voters, f =
// floor((n-1)/3) may be Byzantine, that is, behave arbitrarily. q = ceil((n+f+1)/2) voters are a
// quorum; any two quorums share a correct voter. An entry of type [EntryConfig] holds a
// [ConfigChange] and ends its epoch. A term belongs to an epoch and has one leader, which is a
// function of the term.
//
// A node reports its progress in a [Vote]. A [QuorumCertificate] holds the votes of a quorum in one
// term. One of kind [Prepare] proves that no other position can be committed in that term. One of
// kind [Commit] proves that its position, and everything before it, is final.
//
// Every statement that counts is signed. An [Envelope] holds its [Kind], the key, the signed bytes
// and the signature. A [Keyring] knows whose key is valid at which index. Only a Keyring makes a
// [Verified], which has no encoding and so cannot be received from outside. A [BatchVerifier]
// checks many signatures together at a fraction of the cost.
//
// A command is identified for ever by the owner of its key and its [RequestID]. A client may sign
// many commands at once with a [BatchHead]. The outcome of a command is its [Result], which is
// equal on all nodes. An [Answer] is a node's signature over a result; f+1 equal answers include
// one of a correct node. A [Receipt] holds all this in one file. It proves, to a reader who has
// nothing else, that an entry is committed.
//
// An [Amount] is an exact rational number. Floating point occurs only where a [Query] calls a
// function that is inexact by name.
//
// # Bytes
//
// Every type has exactly one encoding, written by hand. Numbers are big-endian of fixed size, or
// unsigned LEB128 in its shortest form (uvarint). A text or list begins with its length (uvarint).
// A [Decoder] refuses everything that the encoder would not have written: longer forms, other
// versions, numbers and lengths beyond their limits, trailing bytes, booleans other than 0 and 1,
// and text that is not UTF-8. Lengths are checked before memory is allocated. Bytes that are the
// payload of an entry, or are signed, begin with a version.
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
// Hashes are SHA-256. Signatures are Ed25519 (RFC 8032). They are verified by the rules of ZIP-215,
// singly and in batches alike, so no two nodes can disagree about a signature. A [CommandID] is the
// plain hash of a command's payload, as in an [EntryHeader].
//
// # Guarantees
//
// Equal inputs give equal bytes, on every machine and in every run. The package uses no clock,
// goroutine, entropy, floating point or I/O, and no result depends on the order of a map. What a
// decoder accepts, its encoder writes back byte for byte. No input from outside causes a panic, or
// an allocation larger than a small multiple of the input; a panic is a mistake of the caller.
//
// # What it does not do
//
// The package does not decide what commands mean (package db/state does), which entries are
// committed (cluster/consensus), or where anything is stored (wal, db and snapshot). It does not
// protect secrets: a [PrivateKey] lies in memory as it is and is not erased.
//
// A certificate proves what a quorum signed. That is the truth as long as at most f voters of its
// epoch are Byzantine, which with fewer than four voters means none. With the old keys of a quorum
// a history can be forged that departs from the true one in their epoch. Where that matters, pin a
// recent position or the membership.
package juno
