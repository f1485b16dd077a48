package client

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"juno"
	"juno/cluster/rpc"
)

// command is a request that an outcome is wanted for, or that had one lately.
type command struct {
	request juno.RequestID
	asked   juno.Hash // zero: whatever it was, for Ask
	unit    *unit
	wanted  []target
	floor   juno.Index // the newest entry that we had heard of when it was sent
	groups  []group    // what the nodes say
	settled bool
	missing voterSet // who do not have it
}

// target is who wants the outcome.
type target struct {
	of *waiting
	at int
}

// waiting is a call that waits for outcomes.
type waiting struct {
	outcomes []juno.Outcome
	left     int
	done     chan struct{} // closed when left is 0
	progress juno.Progress
}

// group is one thing that nodes say of a command, and which nodes.
type group struct {
	item  juno.AnswerItem
	nodes voterSet
	frame []byte // of the first who said so, as evidence
}

// voterSet is a set of places among the voters of an epoch.
type voterSet [2]uint64

func (s *voterSet) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *voterSet) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }

func (s *voterSet) count() (n int) {
	for _, word := range s {
		for ; word != 0; word &= word - 1 {
			n++
		}
	}
	return n
}

// place returns the place of a node among the voters, or -1.
func (m *members) place(id juno.NodeID) int {
	for i := range m.config.Voters {
		if m.config.Voters[i].ID == id {
			return i
		}
	}
	return -1
}

// settledMax is how many commands with an outcome are kept, to find nodes that say something else
// later: as many as can be under way.
const settledMax = 4096

// onAnswers takes a sheet in.
func (c *Client) onAnswers(l *link, s *juno.AnswerSheet, frame []byte) {
	if s.Node != l.node.ID {
		c.accuse(l.node.ID, BadSignature, [][]byte{frame}, "it answers in the name of %s", s.Node)
		return
	}
	if s.Client != c.key {
		return
	}
	c.mu.Lock()
	m := c.members
	useful := m != nil && c.wants(m, m.place(s.Node), s)
	behind := m != nil && s.Term.Epoch() > m.config.Epoch
	ask := behind && time.Since(l.asked) > noLeaderPause
	if ask {
		l.asked = time.Now()
	}
	c.mu.Unlock()
	if behind {
		// It will be asked again once the new membership is proven.
		if ask {
			c.hello(l)
		}
		return
	}
	if !useful || s.Term.Epoch() != m.config.Epoch {
		return
	}
	l.verifyMu.Lock()
	err := m.Opens(l.verify, s.Node, s.Envelope())
	l.verifyMu.Unlock()
	if err != nil {
		c.accuse(l.node.ID, BadSignature, [][]byte{frame}, "answers: %v", err)
		return
	}
	c.count(l, m, s, frame)
}

// wants reports whether a sheet can change anything: it is the first word of that voter on a
// command that has no outcome, or contradicts one. If not, its signature need not be checked. The
// caller holds mu.
func (c *Client) wants(m *members, voter int, s *juno.AnswerSheet) bool {
	if voter < 0 {
		return false
	}
	for i := range s.Items {
		a := &s.Items[i]
		k := c.commands[a.Request]
		if k == nil {
			continue
		}
		if !k.settled || len(k.groups) != 1 || !k.groups[0].item.Agrees(a) {
			return true
		}
	}
	return false
}

// count adds a sheet, which is signed by a voter, to what is said of its commands.
func (c *Client) count(l *link, m *members, s *juno.AnswerSheet, frame []byte) {
	var faults []Evidence
	c.mu.Lock()
	if c.members != m || c.closed {
		c.mu.Unlock()
		return // the epoch has ended meanwhile; we have asked again
	}
	l.term = max(l.term, s.Term)
	voter := m.place(s.Node)
	for i := range s.Items {
		if k := c.commands[s.Items[i].Request]; k != nil {
			faults = append(faults, c.hear(m, k, voter, &s.Items[i], s, frame)...)
		}
	}
	c.trim()
	c.announce()
	c.mu.Unlock()
	for _, e := range faults {
		c.accuse(e.Node, e.Fault, e.Frames, "%s", e.Text)
	}
}

// hear adds one voter's word on a command. The caller holds mu.
func (c *Client) hear(m *members, k *command, voter int, a *juno.AnswerItem, s *juno.AnswerSheet,
	frame []byte,
) (faults []Evidence) {
	mine := -1
	for i := range k.groups {
		g := &k.groups[i]
		agrees := g.item.Agrees(a)
		if g.nodes.has(voter) && !agrees {
			return []Evidence{{
				Node: s.Node, Fault: TwoAnswers, Frames: [][]byte{g.frame, frame},
				Text: fmt.Sprintf("request %d: %s, and %s", k.request, say(&g.item), say(a)),
			}}
		}
		if agrees {
			mine = i
		}
	}
	if mine < 0 {
		mine = len(k.groups)
		k.groups = append(k.groups, group{item: *a, frame: frame})
	}
	known := k.groups[mine].nodes.has(voter)
	k.groups[mine].nodes.add(voter)
	switch {
	case known:
	case k.settled && mine > 0:
		var alone voterSet
		alone.add(voter)
		faults = contradictions(m, k, mine, alone)
	case !k.settled && k.groups[mine].nodes.count() >= m.CorrectMin():
		// What is believed comes first from now on.
		k.groups[0], k.groups[mine] = k.groups[mine], k.groups[0]
		for i := 1; i < len(k.groups); i++ {
			faults = append(faults, contradictions(m, k, i, k.groups[i].nodes)...)
		}
		c.believe(k, s)
	case !k.settled && a.Index <= k.floor && k.unit != nil && k.unit.attempts == 0:
		// It was in the log before: only who was asked answers, and one alone is not believed.
		k.unit.attempts, k.unit.next = 1, time.Now()
		c.wakeRetry()
	}
	return faults
}

// contradictions is the evidence against nodes of group i, which say something else than what is
// believed.
func contradictions(m *members, k *command, i int, nodes voterSet) (all []Evidence) {
	g, believed := &k.groups[i], &k.groups[0]
	for v := range m.config.Voters {
		if nodes.has(v) {
			all = append(all, Evidence{
				Node: m.config.Voters[v].ID, Fault: Contradiction,
				Frames: [][]byte{g.frame, believed.frame},
				Text: fmt.Sprintf("request %d: %s; %d others: %s", k.request, say(&g.item),
					believed.nodes.count(), say(&believed.item)),
			})
		}
	}
	return all
}

// say describes an answer.
func say(a *juno.AnswerItem) string {
	text := fmt.Sprintf("at index %d %s", a.Index, a.Result.Status)
	if a.Result.Code != "" {
		text += " " + string(a.Result.Code)
	}
	if a.Result.Value != "" {
		text += fmt.Sprintf(" %.80q", a.Result.Value)
	}
	return text + fmt.Sprintf(" (asked for %s)", a.Asked.Short())
}

// believe gives a command the outcome of its first group. The caller holds mu.
func (c *Client) believe(k *command, s *juno.AnswerSheet) {
	a := &k.groups[0].item
	o := juno.Outcome{
		Request: k.request, Index: a.Index, Time: a.Time, Result: a.Result,
		Replayed: a.Index <= k.floor,
	}
	if k.asked != (juno.Hash{}) && a.Asked != k.asked {
		o = juno.Outcome{
			Request: k.request, Index: a.Index,
			Err: fmt.Errorf("request %d: %w, at index %d", k.request, juno.ErrReused, a.Index),
		}
	}
	if a.Index > c.head.Index {
		c.head = juno.Head{Pos: juno.Pos{Index: a.Index}, Time: a.Time}
		if s.Upto.Index >= a.Index {
			c.head.Pos = s.Upto
		}
	}
	if k.unit != nil && k.unit.left == 1 {
		c.pace(k.unit, time.Now())
	}
	c.settle(k, o)
}

// pace takes from a unit that is answered how long things take. What was sent to all counts as
// well: a latency that forgot the slow ones would have everything sent to all, and that would make
// it slow. It also shows that somebody leads: what only the leader has may be next, and is given a
// little time more. The caller holds mu.
func (c *Client) pace(u *unit, now time.Time) {
	c.latency += (min(now.Sub(u.sent), hedgeMax) - c.latency) / 8
	patience := hedgeMin
	if u.attempts == 0 {
		patience = c.hedge()
		if u.sent.After(c.reached) {
			c.reached = u.sent
		}
	}
	if until := now.Add(patience); until.After(c.awaited) {
		c.awaited = until
	}
}

// settle gives a command its outcome. The caller holds mu.
func (c *Client) settle(k *command, o juno.Outcome) {
	k.settled = true
	c.settled = append(c.settled, k.request)
	if k.unit != nil {
		k.unit.left--
	}
	for _, t := range k.wanted {
		t.of.outcomes[t.at] = o
		t.of.left--
		if t.of.progress != nil {
			t.of.progress(len(t.of.outcomes)-t.of.left, len(t.of.outcomes))
		}
		if t.of.left == 0 { // the caller goes on from here, and is told no progress any more
			close(t.of.done)
		}
	}
	k.wanted = nil
}

// trim forgets what was settled long ago, and the units that are. The caller holds mu.
func (c *Client) trim() {
	for len(c.settled) > settledMax {
		if k := c.commands[c.settled[0]]; k != nil && k.settled {
			delete(c.commands, c.settled[0])
		}
		c.settled = c.settled[1:]
	}
	for len(c.units) > 0 && c.units[0].left == 0 {
		c.units = c.units[1:]
	}
}

// abandon makes everything unknown that is under way. The caller holds mu.
func (c *Client) abandon() {
	for _, k := range c.commands {
		if !k.settled {
			c.settle(k, juno.Outcome{Request: k.request, Err: juno.ErrUnknown})
		}
	}
	c.trim()
}

// restart forgets what the voters of an earlier epoch have said. The caller holds mu.
func (c *Client) restart() {
	for _, k := range c.commands {
		if !k.settled {
			k.groups, k.missing = nil, voterSet{}
		}
	}
	now := time.Now()
	for _, u := range c.units {
		u.refusals = nil
		u.attempts, u.next = max(1, u.attempts), now
	}
}

// onVerdicts takes in what a node does not take.
func (c *Client) onVerdicts(l *link, v *rpc.Verdicts) {
	c.mu.Lock()
	voter := -1
	if c.members != nil {
		voter = c.members.place(l.node.ID)
	}
	if voter >= 0 {
		for i := range v.Items {
			x := &v.Items[i]
			if k := c.commands[x.First]; k != nil && !k.settled {
				c.judge(k, voter, x, v.Upto)
			}
		}
		c.trim()
		c.announce()
	}
	c.mu.Unlock()
	c.wakeRetry()
}

// judge takes in one verdict on a command. The caller holds mu.
func (c *Client) judge(k *command, voter int, x *rpc.Verdict, upto juno.Index) {
	m, u, now := c.members, k.unit, time.Now()
	if x.Code == rpc.CodeMissing {
		if k.missing.add(voter); u == nil && k.missing.count() >= m.config.Quorum() {
			c.settle(k, juno.Outcome{
				Request: k.request,
				Err: fmt.Errorf("request %d: %w up to index %d", k.request, juno.ErrMissing,
					upto),
			})
		}
		return
	}
	if u == nil {
		return
	}
	switch x.Code {
	case rpc.CodeBusy:
		u.busy = min(u.busy+1, busyShiftMax)
		u.next = now.Add(busyPause << u.busy)
	case rpc.CodeNoLeader:
		u.attempts, u.next = max(1, u.attempts), now.Add(noLeaderPause)
	case rpc.CodeRefused, rpc.CodeReused, rpc.CodeTooOld, rpc.CodeHalted:
		if u.refusals == nil {
			u.refusals = make(map[rpc.Code]*voterSet)
		}
		if u.refusals[x.Code] == nil {
			u.refusals[x.Code] = &voterSet{}
		}
		u.refusals[x.Code].add(voter)
		want := m.CorrectMin()
		if x.Code == rpc.CodeHalted {
			// Some may not have heard of the halt. What a quorum neither has nor takes is not
			// final, and will not be while the halt lasts.
			want = m.config.Quorum()
		}
		if u.refusals[x.Code].count() >= want {
			c.refuse(u, refusal(x))
			return
		}
		if u.attempts == 0 { // one node alone is not believed: ask all, at once
			u.attempts, u.next = 1, now
		}
	}
}

// refusal is the error that f+1 equal verdicts make.
func refusal(x *rpc.Verdict) error {
	kind := juno.ErrRefused
	if x.Code == rpc.CodeReused {
		kind = juno.ErrReused
	}
	err := &rpc.Error{Code: x.Code, Text: x.Text, Offset: -1}
	if errors.Is(err, kind) && strings.HasPrefix(x.Text, kind.Error()) {
		return err // it need not be said twice
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// refuse gives all commands of a unit that error. The caller holds mu.
func (c *Client) refuse(u *unit, err error) {
	for r := u.first; r < u.first+juno.RequestID(u.count); r++ {
		if k := c.commands[r]; k != nil && k.unit == u && !k.settled {
			c.settle(k, juno.Outcome{Request: r, Err: err})
		}
	}
}
