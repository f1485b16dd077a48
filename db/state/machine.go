package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"juno"
)

// signersMax bounds the decoded keys that a machine keeps; beyond it, it starts over.
const signersMax = 4096

// Machine applies entries. It holds no state of the ledger, only memory that it uses again: two
// machines give the same effects for the same view and entry. It is not safe for concurrent use.
type Machine struct {
	signers map[juno.KeyID]*signer
	route   []string
	slots   []slot
	key     []byte // each key is used up before the next one is made
	value   []byte // likewise
	hashed  []byte
}

// signer is a key record that was decoded before, and the bytes it was decoded from.
type signer struct {
	value  []byte
	record juno.KeyRecord
}

// scratchBytes holds all keys and nearly all values; longer ones cost an allocation.
const scratchBytes = 1024

// NewMachine returns a machine.
func NewMachine() *Machine {
	return &Machine{
		signers: make(map[juno.KeyID]*signer),
		key:     make([]byte, 0, scratchBytes),
		value:   make([]byte, 0, scratchBytes),
	}
}

// Apply executes the entry that follows the view and leaves in fx what it changes. It is a
// function of the view and the entry: every node gets the same result and the same writes.
//
// Whatever the payload holds, the outcome is a result; one that is refused changes nothing but
// session elements. A log that Prefix judged holds no malformed payload, no unknown key and no
// request twice; met all the same, they are refused. An error means that the view cannot be
// read, holds malformed elements, or is not the one right before the entry: then the caller
// must stop, and fx means nothing.
func (m *Machine) Apply(view View, e *juno.Entry, fx *Effects) (juno.Result, error) {
	fx.Reset()
	before, err := view.Get(keyProgress)
	if err != nil {
		return juno.Result{}, err
	}
	progress, err := ParseProgress(before)
	if err != nil {
		return juno.Result{}, err
	}
	if e.Index != progress.Index+1 {
		return juno.Result{}, fmt.Errorf("apply entry %d: the state is that of entry %d",
			e.Index, progress.Index)
	}
	run := run{m: m, view: view, entry: e, fx: fx, progress: &progress}
	result, err := run.dispatch()
	if err != nil {
		return juno.Result{}, fmt.Errorf("apply entry %d: %w", e.Index, err)
	}
	progress.Index, progress.Time = e.Index, e.Time
	progress.Trace = m.trace(&progress, &result, fx)
	if run.client != "" {
		fx.write(AppendWindowKey(m.key[:0], run.client), run.windowBefore,
			AppendWindow(m.value[:0], run.windowAfter))
	}
	fx.write(keyProgress, before, AppendProgress(m.value[:0], &progress))
	return result, nil
}

// run is the application of one entry.
type run struct {
	m        *Machine
	view     View
	entry    *juno.Entry
	fx       *Effects
	progress *Progress
	signer   *juno.KeyRecord

	client       string // whose window changes; empty for none
	windowBefore []byte
	windowAfter  Window
}

var accepted = juno.Result{Status: juno.StatusOK}

func (r *run) dispatch() (juno.Result, error) {
	switch r.entry.Type {
	case juno.EntryCommand:
		return r.command()
	case juno.EntryBatchHead:
		return r.batchHead()
	case juno.EntryKeyOp:
		return r.keyOp()
	case juno.EntryConfig:
		return r.config()
	case juno.EntryMode:
		return r.mode()
	case juno.EntryTermStart, juno.EntryNoop:
		return accepted, nil
	}
	return refuse(juno.CodeLanguage, "entry of unknown %s", r.entry.Type).Result(), nil
}

// admit looks up the signer of a request and marks its id as used. A refusal other than for the
// id itself leaves the id used: the entry is in the log.
func (r *run) admit(key juno.KeyID, id juno.RequestID) (*Refusal, error) {
	record, err := r.m.signer(r.view, key)
	if err != nil {
		return nil, err
	}
	if record == nil {
		return refuse(juno.CodeKey, "key %s is not registered", key), nil
	}
	if !record.ValidAt(r.entry.Index) {
		return refuse(juno.CodeKey, "key %s of %s is valid for entries [%d,%d), not for %d",
			key, record.Subject, record.From, record.Until, r.entry.Index), nil
	}
	value, err := r.view.Get(AppendWindowKey(r.m.key[:0], record.Subject))
	if err != nil {
		return nil, err
	}
	window := Window{}
	if value != nil {
		if window, err = ParseWindow(value); err != nil {
			return nil, err
		}
	}
	if !window.Fits(id) {
		return refuse(CodeUsed, "request %d of %s was used before, or is more than %d behind %d",
			id, record.Subject, WindowRequests, window.Highest()), nil
	}
	r.signer, r.client = record, record.Subject
	r.windowBefore, r.windowAfter = value, window.Use(id)
	return nil, nil
}

// signer returns the record of a key, nil if there is none.
func (m *Machine) signer(view View, id juno.KeyID) (*juno.KeyRecord, error) {
	value, err := view.Get(AppendKeyKey(m.key[:0], id))
	if err != nil || value == nil {
		return nil, err
	}
	if known := m.signers[id]; known != nil && bytes.Equal(known.value, value) {
		return &known.record, nil
	}
	record, err := ParseKeyRecord(value)
	if err != nil {
		return nil, err
	}
	if len(m.signers) >= signersMax {
		clear(m.signers)
	}
	known := &signer{value: bytes.Clone(value), record: record}
	m.signers[id] = known
	return &known.record, nil
}

func (r *run) command() (juno.Result, error) {
	c, err := juno.ParseCommand(r.entry.Payload)
	if err != nil {
		return refuse(juno.CodeSyntax, "%v", err).Result(), nil
	}
	if c.Batched && r.progress.BatchLeft > 0 {
		if r.progress.BatchLeft--; r.progress.BatchLeft == 0 {
			r.progress.BatchHead = 0
		}
	}
	refusal, err := r.admit(c.Key, c.Request)
	if err != nil {
		return juno.Result{}, err
	}
	if refusal == nil && c.Expires != 0 && c.Expires < r.entry.Index {
		refusal = refuse(juno.CodeExpired, "request %d was to be committed by entry %d, this is %d",
			c.Request, c.Expires, r.entry.Index)
	}
	if refusal != nil {
		return refusal.Result(), nil
	}
	st, refusal := parse(c.Language, c.Text, r.m.route)
	if refusal != nil {
		return refusal.Result(), nil
	}
	r.m.route = st.Accounts
	return r.execute(&st)
}

func (r *run) batchHead() (juno.Result, error) {
	h, err := juno.ParseBatchHead(r.entry.Payload)
	if err != nil {
		return refuse(juno.CodeSyntax, "%v", err).Result(), nil
	}
	r.progress.BatchHead, r.progress.BatchLeft = r.entry.Index, h.Count
	return accepted, nil
}

// acceptedHash is the hash of nearly every result.
var acceptedHash = accepted.Hash()

// trace returns the trace after the entry: SHA-256("juno1/trace" | trace before | index (8) |
// result hash (32) | for every write so far: key and value, each length-prefixed). The session
// elements are not in it: they follow from the log alone.
func (m *Machine) trace(p *Progress, result *juno.Result, fx *Effects) juno.Hash {
	hash := acceptedHash
	if *result != accepted {
		hash = result.Hash()
	}
	b := append(append(m.hashed[:0], traceTag...), p.Trace[:]...)
	b = append(juno.AppendU64(b, uint64(p.Index)), hash[:]...)
	for i := range fx.Writes {
		b = juno.AppendBytes(juno.AppendBytes(b, fx.Writes[i].Key), fx.Writes[i].After)
	}
	m.hashed = b
	return sha256.Sum256(b)
}

// write notes one changed element. It copies key and after; before belongs to the view.
func (fx *Effects) write(key, before, after []byte) {
	start := len(fx.arena)
	fx.arena = append(append(fx.arena, key...), after...)
	split := start + len(key)
	fx.Writes = append(fx.Writes, Write{
		Key:    fx.arena[start:split:split],
		Before: before,
		After:  fx.arena[split:len(fx.arena):len(fx.arena)],
	})
}
