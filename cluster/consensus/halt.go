package consensus

import (
	"errors"
	"fmt"

	"juno"
)

// Halt is the big red button (H1): enough administrators want the ledger to take no commands. It
// works at once on every node that hears it, without consensus, because not voting never hurts
// safety. Resuming is an entry of the log.
//
// Canonical bytes: version (1), the mode change (length-prefixed, juno.ModeChange.Payload).
type Halt struct {
	Change *juno.ModeChange
}

const haltVersion = 1

// haltBytesMax bounds a halt: its words and a signature of every administrator.
const haltBytesMax = 16 << 10

// Kind implements Message.
func (*Halt) Kind() MessageKind { return KindHalt }

// Sender implements Message. It does not matter who passes it on.
func (*Halt) Sender() juno.NodeID { return 0 }

// statements leaves it to the epoch that is in force who the administrators are.
func (h *Halt) statements(all []Statement) []Statement {
	for _, e := range h.Change.Envelopes() {
		all = append(all, Statement{Anywhere: true, Envelope: e})
	}
	return all
}

func (*Halt) signBy(Signer) {}

func (h *Halt) appendTo(b []byte) []byte {
	return juno.AppendBytes(append(b, haltVersion), h.Change.Payload())
}

func decodeHalt(d *juno.Decoder) Message {
	d.Version(haltVersion, "halt")
	h := &Halt{Change: &juno.ModeChange{}}
	payload := d.Bytes(haltBytesMax)
	if d.Err() != nil {
		return h
	}
	change, err := juno.ParseModeChange(payload)
	if err != nil || !change.Halted {
		d.Fail("halt: %v", err)
		return h
	}
	h.Change = change
	return h
}

// ErrObeyed refuses a halt that was obeyed already: others pass on what they hear.
var ErrObeyed = errors.New("it was obeyed already")

// stepHalt obeys a halt that is newer than everything we obeyed, and passes it on once.
func (c *Core) stepHalt(h *Halt) error {
	if h.Change.Nonce == c.hard.ModeNonce && c.hard.Halted {
		return fmt.Errorf("halt %d: %w", h.Change.Nonce, ErrObeyed)
	}
	if h.Change.Nonce <= c.hard.ModeNonce {
		return fmt.Errorf("halt %d: change %d was obeyed already", h.Change.Nonce, c.hard.ModeNonce)
	}
	if err := c.checkAdmins(h.Change.Approvals); err != nil {
		return fmt.Errorf("halt %d: %w", h.Change.Nonce, err)
	}
	c.setMode(true, h.Change.Nonce)
	c.lastHalt = h
	if c.role == Leader && c.hasCommandsInFlight() {
		c.requestTerm(c.hard.Term+1, CauseHalt) // nobody accepts them any more, see refuseHalted
	}
	if len(c.epoch.peers) > 0 {
		c.sendAfter(c.epoch.peers, h, false) // it acknowledges that we halted, so it waits
	}
	return nil
}

// refuseWhileHalted is what a halted node does with commands: it tells the leader, who may not have
// heard, and wants another term. Without that the halt could never end: the entry that ends it
// stands behind commands that nobody accepts. The next term begins at what was prepared, and its
// leader, halted too, lets no commands in.
func (c *Core) refuseWhileHalted(ae *Append) {
	if c.lastHalt != nil && ae.Leader != c.id {
		c.sendAfter([]juno.NodeID{ae.Leader}, c.lastHalt, false)
	}
	c.requestTerm(c.hard.Term+1, CauseHalt)
}

// checkAdmins checks that enough different administrators approve. Their signatures were checked.
func (c *Core) checkAdmins(all []juno.Approval) error {
	config := c.epoch.config
	count := 0
	for i, a := range all {
		for j := range config.Admins {
			if config.Admins[j].Public.ID() == a.Key && (i == 0 || all[i-1].Key != a.Key) {
				count++
				break
			}
		}
	}
	if config.AdminThreshold == 0 || count < config.AdminThreshold {
		return fmt.Errorf("%w: %d administrators of epoch %d, want %d", juno.ErrNotApproved,
			count, config.Epoch, config.AdminThreshold)
	}
	return nil
}

func (c *Core) setMode(halted bool, nonce uint64) {
	c.hard.Halted, c.hard.ModeNonce = halted, nonce
	c.out.dirtyHard = true
}

// hasCommandsInFlight reports whether we proposed commands that are not final.
func (c *Core) hasCommandsInFlight() bool {
	for _, e := range c.log.slice(max(c.commit.Index+1, c.log.first), c.log.tip().Index+1) {
		if isCommand(e.Type) {
			return true
		}
	}
	return false
}

// obeyModes obeys the mode changes among the entries (after, last], which are final now.
func (c *Core) obeyModes(after, last juno.Index) {
	for _, e := range c.log.slice(max(after+1, c.log.first), last+1) {
		if e.Type != juno.EntryMode {
			continue
		}
		m, err := juno.ParseModeChange(e.Payload)
		if err != nil {
			c.alarm("H1: the final entry %d is no mode change: %v", e.Index, err)
			continue
		}
		if m.Nonce > c.hard.ModeNonce {
			c.setMode(m.Halted, m.Nonce)
		}
	}
}
