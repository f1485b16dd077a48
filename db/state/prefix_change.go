package state

import (
	"fmt"

	"juno"
)

// keyOp judges a change of keys and makes it. Its signatures are checked here: such changes are
// rare, and what they allow depends on the keyring right before them.
func (p *Prefix) keyOp(e *juno.Entry, u *undo) error {
	o, err := juno.ParseKeyOp(e.Payload)
	if err != nil {
		return err
	}
	v, err := o.Verify(p.ring, e.Index)
	if err != nil {
		return err
	}
	r, err := p.fits(v.Signer().Subject, o.Request)
	if err != nil {
		return err
	}
	if err := o.Apply(p.ring, e.Index); err != nil {
		p.ring.TruncateTo(e.Index - 1) // a rotation may have ended the old key already
		return err
	}
	p.use(r, o.Request, e.Index, u)
	return nil
}

func (p *Prefix) configChange(e *juno.Entry, u *undo) error {
	c, err := juno.ParseConfigChange(e.Payload)
	if err != nil {
		return err
	}
	if err := c.Verify(p.config, p.ring.Cluster()); err != nil {
		return err
	}
	u.config, p.config = p.config, &c.Next
	return nil
}

func (p *Prefix) modeChange(e *juno.Entry, u *undo) error {
	c, err := juno.ParseModeChange(e.Payload)
	if err != nil {
		return err
	}
	if err := c.Verify(p.config, p.ring.Cluster(), p.mode.Nonce); err != nil {
		return err
	}
	before := p.mode
	u.mode, p.mode = &before, Mode{Halted: c.Halted, Nonce: c.Nonce, Set: e.Index}
	return nil
}

// TruncateTo takes back every entry above index. It panics below what Committed was told: that
// can never be taken back.
func (p *Prefix) TruncateTo(index juno.Index) {
	if index < p.committed {
		panic(fmt.Sprintf("prefix: truncate to entry %d, committed is %d", index, p.committed))
	}
	for p.last > index {
		n := len(p.journal) - 1
		p.takeBack(&p.journal[n])
		p.journal = p.journal[:n]
		p.last--
	}
	p.ring.TruncateTo(index)
}

func (p *Prefix) takeBack(u *undo) {
	if r := u.requests; r != nil {
		r.window = u.window
		r.set(u.request, u.index)
	}
	p.batch = u.batch
	if p.batch != nil {
		p.batch.leaves = p.batch.leaves[:u.leaves]
	}
	if u.config != nil {
		p.config = u.config
	}
	if u.mode != nil {
		p.mode = *u.mode
	}
}

// Committed allows to forget what taking back entries up to index would need.
func (p *Prefix) Committed(index juno.Index) {
	if index = min(index, p.last); index <= p.committed {
		return
	}
	p.forget(int(index - p.committed))
	p.committed = index
	p.ring.Forget(index)
}

// forget drops the oldest n undos. Where that is most of them the rest moves to the front, so that
// the journal does not have to grow into new memory for ever.
func (p *Prefix) forget(n int) {
	rest := p.journal[n:]
	if len(rest) > n {
		p.journal = rest
		return
	}
	kept := copy(p.journal, rest)
	clear(p.journal[kept:])
	p.journal = p.journal[:kept]
}

// Lookup returns the entry that a client's request stands in. Index 0 with used true says that the
// id was used in an entry that this Prefix has not seen, or is too old to be used.
func (p *Prefix) Lookup(client string, request juno.RequestID) (index juno.Index, used bool) {
	r := p.clients[client]
	if r == nil || r.window.Fits(request) {
		return 0, request == 0
	}
	if r.window.Old(request) {
		return 0, true
	}
	return r.at(request), true
}
