package state

import (
	"errors"
	"fmt"

	"juno"
)

// Why Prefix refuses an entry. Such an entry must not get into the log; errors of the keyring and
// of the decoders come as they are.
var (
	// ErrUsed: the client used the request id before, or it is too old to know.
	ErrUsed = errors.New("request id used before")
	// ErrExpired: the command was to be in the log by now or never.
	ErrExpired = errors.New("command expired")
	// ErrBatch: an entry is not the next one of the client batch that it stands in.
	ErrBatch = errors.New("broken client batch")
	// ErrPayload: a payload that its type of entry cannot have.
	ErrPayload = errors.New("bad payload")
)

// Prefix judges entries by the log before them (docs/SPECIFICATION.md §3.8), however far that is
// executed: structure and size, the key's validity, request ids, expiry, client batches, changes of
// keys, membership and mode. It is a fold over the log that can be taken back to any index not yet
// committed, so that all correct nodes judge the same entry alike.
//
// Client signatures are the one thing that Append takes for granted: checking them one by one, in
// order, would cost twenty times as much as everything else. Verify checks those of many entries
// in one batch; whoever feeds a Prefix calls it, or does the same in its own workers, first.
//
// A Prefix is not safe for concurrent use.
type Prefix struct {
	ring    *juno.Keyring
	config  *juno.EpochConfig
	mode    Mode
	last    juno.Index
	clients map[string]*requests
	batch   *openBatch // nil between batches

	committed juno.Index
	journal   []undo // journal[i] takes back entry committed+1+i
}

// openBatch is a client batch of which not all commands are in the log yet.
type openBatch struct {
	at     juno.Index
	head   juno.BatchHead
	leaves []juno.Hash // of the commands so far
}

// undo is what it takes to take one entry back; the keyring keeps a journal of its own.
type undo struct {
	requests *requests // nil if no request was used
	request  juno.RequestID
	window   Window
	index    juno.Index // what stood in the place of the request's index

	batch  *openBatch // before the entry
	leaves int        // of that batch

	config *juno.EpochConfig // nil if unchanged
	mode   *Mode             // nil if unchanged
}

// NewPrefix returns the prefix before the first entry.
func NewPrefix(g *juno.Genesis) (*Prefix, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	ring, err := g.Keyring()
	if err != nil {
		return nil, err
	}
	config := g.Config
	return &Prefix{ring: ring, config: &config, clients: make(map[string]*requests)}, nil
}

// Last returns the index of the entry that the prefix ends with, 0 for none.
func (p *Prefix) Last() juno.Index { return p.last }

// Keyring returns the keys after the last entry. The caller must not change them.
func (p *Prefix) Keyring() *juno.Keyring { return p.ring }

// Config returns the membership after the last entry. The caller must not change it.
func (p *Prefix) Config() *juno.EpochConfig { return p.config }

// Mode returns the mode after the last entry.
func (p *Prefix) Mode() Mode { return p.mode }

// BatchLeft returns how many commands of a client batch must follow, 0 between batches. What a
// leader sends as one must end between batches (docs/SPECIFICATION.md §3.2).
func (p *Prefix) BatchLeft() int {
	if p.batch == nil {
		return 0
	}
	return p.batch.head.Count - len(p.batch.leaves)
}

// Append judges the entry after the last one and, if it is valid, makes it the last one. After an
// error the prefix is as before. It panics if the entry is not the next one: the caller skipped
// something. It costs about a microsecond for a command, and a few signature checks for a change
// of keys, membership or mode.
func (p *Prefix) Append(e *juno.Entry) error {
	if e.Index != p.last+1 {
		panic(fmt.Sprintf("prefix: entry %d behind entry %d", e.Index, p.last))
	}
	u := undo{batch: p.batch}
	if p.batch != nil {
		u.leaves = len(p.batch.leaves)
	}
	if err := p.judge(e, &u); err != nil {
		return fmt.Errorf("entry %d, %s: %w", e.Index, e.Type, err)
	}
	p.last = e.Index
	p.journal = append(p.journal, u)
	return nil
}

func (p *Prefix) judge(e *juno.Entry, u *undo) error {
	if len(e.Payload) > juno.EntryPayloadBytesMax {
		return fmt.Errorf("%w: %d bytes, at most %d",
			ErrPayload, len(e.Payload), juno.EntryPayloadBytesMax)
	}
	if e.Type == juno.EntryCommand {
		return p.command(e, u)
	}
	if p.batch != nil {
		return fmt.Errorf("%w: %d commands of the batch at entry %d are missing",
			ErrBatch, p.BatchLeft(), p.batch.at)
	}
	want := 0
	switch e.Type {
	case juno.EntryBatchHead:
		return p.batchHead(e)
	case juno.EntryKeyOp:
		return p.keyOp(e, u)
	case juno.EntryConfig:
		return p.configChange(e, u)
	case juno.EntryMode:
		return p.modeChange(e, u)
	case juno.EntryTermStart:
		want = juno.HashBytes
	case juno.EntryNoop:
	default:
		return fmt.Errorf("%w: unknown type", ErrPayload)
	}
	if len(e.Payload) != want {
		return fmt.Errorf("%w: %d bytes, want %d", ErrPayload, len(e.Payload), want)
	}
	return nil
}

func (p *Prefix) command(e *juno.Entry, u *undo) error {
	c, err := juno.ParseCommand(e.Payload)
	if err != nil {
		return err
	}
	if p.mode.Halted {
		return juno.ErrHalted
	}
	signer, err := p.ring.Signer(c.Key, e.Index)
	if err != nil {
		return err
	}
	if c.Expires != 0 && c.Expires < e.Index {
		return fmt.Errorf("request %d of %s, to be in the log by entry %d: %w",
			c.Request, signer.Subject, c.Expires, ErrExpired)
	}
	r, err := p.fits(signer.Subject, c.Request)
	if err != nil {
		return err
	}
	if err := p.continues(e, &c); err != nil {
		return err
	}
	p.use(r, c.Request, e.Index, u)
	return nil
}

// fits returns the requests of a client if it may still use the id.
func (p *Prefix) fits(client string, id juno.RequestID) (*requests, error) {
	r := p.clients[client]
	if r == nil {
		r = &requests{}
		p.clients[client] = r
	}
	if r.window.Fits(id) {
		return r, nil
	}
	if r.window.Old(id) {
		return nil, fmt.Errorf("request %d of %s, which is at %d and may go back %d: %w",
			id, client, r.window.Highest(), WindowRequests, ErrUsed)
	}
	return nil, fmt.Errorf("request %d of %s, at entry %d: %w", id, client, r.at(id), ErrUsed)
}

// use marks a request id as used by the entry at index.
func (p *Prefix) use(r *requests, id juno.RequestID, index juno.Index, u *undo) {
	u.requests, u.request, u.window, u.index = r, id, r.window, r.at(id)
	r.window = r.window.Use(id)
	r.set(id, index)
}

// continues wants a batched command to be the next one of the open batch, and any other to stand
// outside of it. With the last command it compares the root that the client signed.
func (p *Prefix) continues(e *juno.Entry, c *juno.Command) error {
	b := p.batch
	if !c.Batched && b == nil {
		return nil
	}
	if !c.Batched || b == nil {
		return fmt.Errorf("%w: request %d is batched: %v, inside of a batch: %v",
			ErrBatch, c.Request, c.Batched, b != nil)
	}
	next := b.head.FirstRequest + juno.RequestID(len(b.leaves))
	if c.Key != b.head.Key || c.Request != next {
		return fmt.Errorf("%w: request %d of key %s, the batch at entry %d goes on with %d of %s",
			ErrBatch, c.Request, c.Key, b.at, next, b.head.Key)
	}
	leaves := append(b.leaves, juno.MerkleLeaf(e.Payload))
	if len(leaves) < b.head.Count {
		b.leaves = leaves
		return nil
	}
	// MerkleRoot overwrites its leaves, and an undo may need them.
	if root := juno.MerkleRoot(append([]juno.Hash(nil), leaves...)); root != b.head.Root {
		return fmt.Errorf("%w: the client signed root %s for the batch at entry %d, its commands "+
			"give %s", ErrBatch, b.head.Root.Short(), b.at, root.Short())
	}
	p.batch = nil
	return nil
}

func (p *Prefix) batchHead(e *juno.Entry) error {
	h, err := juno.ParseBatchHead(e.Payload)
	if err != nil {
		return err
	}
	if p.mode.Halted {
		return juno.ErrHalted
	}
	if _, err := p.ring.Signer(h.Key, e.Index); err != nil {
		return err
	}
	p.batch = &openBatch{at: e.Index, head: h, leaves: make([]juno.Hash, 0, h.Count)}
	return nil
}
