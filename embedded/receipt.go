package embedded

import (
	"context"
	"errors"
	"fmt"

	"juno"
	"juno/wal"
)

// Receipt returns the self-contained proof of an entry: anyone can check it offline, see
// verify.Receipt. For a command it holds the result, with this node's signed word on it if it votes
// today: then the receipt goes on to today's membership, whose voters' answers count, however old
// the entry is.
func (l *Ledger) Receipt(ctx context.Context, index juno.Index) (*juno.Receipt, error) {
	e, err := l.log.wal().Entry(index)
	if err != nil {
		return nil, fmt.Errorf("receipt of entry %d: %w", index, err)
	}
	if l.node != nil {
		if err := l.node.Flush(ctx); err != nil {
			return nil, err
		}
	}
	proof, err := l.log.wal().Find(juno.RecordProof, index)
	if errors.Is(err, wal.ErrNoRecord) {
		return nil, fmt.Errorf("receipt of entry %d: it is not final yet", index)
	}
	if err != nil {
		return nil, err
	}
	c, err := juno.ParseProof(proof.Bytes)
	if err != nil {
		return nil, err
	}
	signer, err := l.signerOf(ctx, &e)
	if err != nil {
		return nil, err
	}
	epochs, err := l.Epochs(0)
	if err != nil {
		return nil, err
	}
	if e.Type != juno.EntryCommand || !l.votes() {
		epochs = epochs[:min(len(epochs), int(c.Term.Epoch()))]
	}
	r, err := juno.NewReceipt(l.dir.Genesis, epochs, l.log, e, c, signer.Public)
	if err != nil {
		return nil, err
	}
	if e.Type != juno.EntryCommand {
		return r, nil
	}
	return r, l.fillReceipt(ctx, r, signer.Subject)
}

// votes reports whether this node votes today.
func (l *Ledger) votes() bool {
	if l.readOnly || l.node == nil {
		return false
	}
	_, votes := l.Membership().Voter(l.node.Status().ID)
	return votes
}

// signerOf returns the key that signed an entry; zero for one that no client signed.
func (l *Ledger) signerOf(ctx context.Context, e *juno.Entry) (juno.KeyRecord, error) {
	id, signed, err := signerID(e)
	if err != nil || !signed {
		return juno.KeyRecord{}, err
	}
	record, known, err := l.db().Key(ctx, id)
	if err == nil && !known {
		err = fmt.Errorf("receipt of entry %d: key %s: %w", e.Index, id, juno.ErrUnknownKey)
	}
	return record, err
}

func signerID(e *juno.Entry) (id juno.KeyID, signed bool, err error) {
	switch e.Type {
	case juno.EntryCommand:
		c, err := juno.ParseCommand(e.Payload)
		return c.Key, true, err
	case juno.EntryBatchHead:
		h, err := juno.ParseBatchHead(e.Payload)
		return h.Key, true, err
	case juno.EntryKeyOp:
		o, err := juno.ParseKeyOp(e.Payload)
		return o.Key, true, err
	}
	return id, false, nil
}

// fillReceipt adds what a receipt for a command holds besides: the batch that it was signed in,
// and the result.
func (l *Ledger) fillReceipt(ctx context.Context, r *juno.Receipt, client string) error {
	c, err := juno.ParseCommand(r.Entry.Payload)
	if err != nil {
		return err
	}
	if c.Batched {
		if err := l.addBatch(r, &c); err != nil {
			return err
		}
	}
	result, err := l.db().Result(r.Entry.Index)
	if err != nil {
		return err
	}
	r.Result = &result
	if int(l.Membership().Epoch) != len(r.Epochs) || !l.votes() {
		return nil // the last epoch that the receipt proves knows no key of this node
	}
	pos, err := l.log.wal().Pos(r.Entry.Index)
	if err != nil {
		return err
	}
	answer := juno.Answer{
		Node: l.node.Status().ID, Client: client, Request: c.Request,
		Command: juno.CommandID(r.Entry.Payload), Pos: pos, Result: result,
	}
	answer.Sign(l.node.Secret(), l.cluster)
	r.Answers = []juno.Answer{answer}
	return nil
}

// addBatch looks for the head of the batch that a command stands in: it is as far before it as the
// command's request number is beyond the first one.
func (l *Ledger) addBatch(r *juno.Receipt, c *juno.Command) error {
	from := juno.Index(1)
	if r.Entry.Index > juno.BatchCommandsMax {
		from = r.Entry.Index - juno.BatchCommandsMax
	}
	log := l.log.wal()
	for e, err := range log.EntriesBackward(max(from, log.FirstIndex()), r.Entry.Index) {
		if err != nil {
			return err
		}
		if e.Type != juno.EntryBatchHead {
			continue
		}
		head, err := juno.ParseBatchHead(e.Payload)
		if err != nil {
			return err
		}
		var payloads [][]byte
		first := e.Index + 1
		for command, err := range l.log.wal().Entries(first, first+juno.Index(head.Count)) {
			if err != nil {
				return err
			}
			payloads = append(payloads, command.Payload)
		}
		return r.AddBatch(head, payloads)
	}
	return fmt.Errorf("receipt of entry %d: the head of its batch, request %d of %s, is not held",
		r.Entry.Index, c.Request, c.Key)
}
