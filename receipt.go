package juno

import (
	"errors"
	"fmt"
)

// Limits of a receipt: what a stranger's file can make a reader do.
const (
	// ReceiptBytesMax bounds the text of a receipt: the longest chains of links that are allowed,
	// in hexadecimal, and room for the rest.
	ReceiptBytesMax = 32 << 20
	// receiptHeadersMax bounds the entries between the one that is proven and the certificate. A
	// ledger keeps a certificate for every batch, so a handful is normal.
	receiptHeadersMax = certificateHeadersMax
	// ReceiptEpochsMax bounds the membership changes that a receipt can go through.
	ReceiptEpochsMax = 4096
)

// EpochChange proves that an epoch ended, and with it who the members of the next one are: the
// entry of type EntryConfig, the chain hash before it, and the certificate of its own epoch's
// quorum, detached, at that entry (docs/SPECIFICATION.md §3.10).
type EpochChange struct {
	Prev        Hash
	Entry       Entry
	Certificate *QuorumCertificate
}

// BatchProof proves that a batched command is one of those that its client signed with Head. Its
// place among them is its request id less the head's first one.
type BatchProof struct {
	Head BatchHead
	Path []Hash // from the command's leaf to Head.Root, RFC 6962 §2.1.1
}

// Receipt proves, to somebody who has nothing else, that an entry is committed in a ledger, who
// signed it, and, if enough nodes said so, what came of it (docs/SPECIFICATION.md §3.10). It needs
// no server and no trust in whoever hands it over. VerifyReceipt says what exactly is proven.
//
// A receipt is made with NewReceipt, and AddBatch for a batched command; Result and Answers are
// set as they are known. Its text is JSON, see FormatReceipt.
type Receipt struct {
	Genesis *Genesis
	Epochs  []EpochChange // of epochs 0, 1, …, up to the one before the certificate's
	// Prev is the chain hash before Entry; from it the hash of Entry follows.
	Prev  Hash
	Entry Entry
	// Headers are the entries after Entry and before the certificate's position, both exclusive.
	Headers     []EntryHeader
	Certificate *QuorumCertificate // of kind Commit, detached, at Entry or later
	// who signed Entry; zero where entries of its type have no signer
	Signer  PublicKey
	Batch   *BatchProof // for a batched command, and only for that
	Result  *Result     // what came of it, as claimed; nil if nothing is claimed
	Answers []Answer    // nodes that say so too, signed
}

// errReceipt is what every error about a receipt begins with.
var errReceipt = errors.New("receipt")

func receiptError(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errReceipt, fmt.Errorf(format, args...))
}

// NewReceipt puts together what proves that entry is committed: log is the history that holds it,
// and certificate one of kind Commit at it or later, detached or made from log. signer is the key
// that signed the entry; zero for entries that no client signed. For batched commands AddBatch
// has to follow.
func NewReceipt(g *Genesis, epochs []EpochChange, log History, entry Entry,
	certificate *QuorumCertificate, signer PublicKey,
) (*Receipt, error) {
	at := certificate.Pos.Index
	if at < entry.Index || at-entry.Index > receiptHeadersMax {
		return nil, receiptError("entry %d cannot be proven by a certificate at %d",
			entry.Index, at)
	}
	detached, err := certificate.Detach(log)
	if err != nil {
		return nil, receiptError("%w", err)
	}
	prev, ok := log.HashAt(entry.Index - 1)
	r := &Receipt{
		Genesis: g, Epochs: epochs, Prev: prev, Entry: entry, Certificate: detached,
		Signer: signer,
	}
	for i := entry.Index + 1; ok && i < at; i++ {
		var l EntryHeader
		l, ok = log.HeaderAt(i)
		r.Headers = append(r.Headers, l)
	}
	if !ok {
		return nil, receiptError("the log does not hold [%d,%d), which prove entry %d",
			entry.Index-1, at, entry.Index)
	}
	return r, nil
}

// AddBatch adds the proof that the entry is one of a batch: the head and the payloads of all its
// commands.
func (r *Receipt) AddBatch(head BatchHead, payloads [][]byte) error {
	c, err := ParseCommand(r.Entry.Payload)
	if err != nil {
		return receiptError("%w", err)
	}
	if err := head.CheckBatch(payloads); err != nil {
		return receiptError("%w", err)
	}
	i, ok := head.Place(&c)
	if !ok || string(payloads[i]) != string(r.Entry.Payload) {
		return receiptError("entry %d is not in the batch of %s from %d", r.Entry.Index, head.Key,
			head.FirstRequest)
	}
	leaves := make([]Hash, len(payloads))
	for i, p := range payloads {
		leaves[i] = MerkleLeaf(p)
	}
	r.Batch = &BatchProof{Head: head, Path: MerklePath(leaves, i)}
	return nil
}

// Place returns the place of a command in the batch, from 0, if it can be in it.
func (h *BatchHead) Place(c *Command) (int, bool) {
	if !c.Batched || c.Key != h.Key || c.Request < h.FirstRequest ||
		uint64(c.Request-h.FirstRequest) >= uint64(h.Count) {
		return 0, false
	}
	return int(c.Request - h.FirstRequest), true
}
