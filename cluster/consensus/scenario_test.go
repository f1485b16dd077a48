package consensus_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"juno"
	"juno/cluster/consensus"
)

// TestScenarios runs the scripts in testdata. Every command prints what it changed; -rewrite
// writes the outputs anew.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return
		}
		s := &script{}
		datadriven.RunTest(t, path, s.run)
		if s.world != nil && !s.broken {
			for _, f := range s.world.faults {
				t.Errorf("%s: %s", path, f)
			}
		}
	})
}

// script is the interpreter of the scenarios.
type script struct {
	world  *world
	mutant mutant // unless the script names another
	broken bool   // the scenario shows what goes wrong with a mutant
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	var err error
	if s.world != nil {
		s.world.trace.Reset()
	} else if d.Cmd != "cluster" {
		t.Fatalf("%s: begin with cluster", d.Pos)
	}
	command, ok := commandTable[d.Cmd]
	if !ok {
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	if err = s.safely(command, d); err != nil {
		return fmt.Sprintf("error: %v\n", err)
	}
	if out := s.world.trace.String(); out != "" {
		return out
	}
	return "ok\n"
}

// mistake is a script that asks for what is not there.
type mistake string

// safely runs a command. A panic of a core is a fault of the world; a mistake in a script is an
// error, which in the run of a mutant, where the world is another, may well happen.
func (s *script) safely(command func(*script, *datadriven.TestData) error, d *datadriven.TestData,
) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case mistake:
			err = fmt.Errorf("%s", string(r))
		default:
			s.world.fault("panic: %v", r)
		}
	}()
	return command(s, d)
}

var commandTable = map[string]func(*script, *datadriven.TestData) error{
	"cluster": (*script).cluster,
	"propose": (*script).propose,
	"batch":   (*script).batch,
	"deliver": (*script).deliver,
	"drop":    (*script).drop,
	"wire":    (*script).showWire,
	"tick":    (*script).tick,
	"run":     (*script).runFor,
	"cut":     (*script).cut,
	"heal":    (*script).heal,
	"hold":    (*script).hold,
	"sync":    (*script).sync,
	"crash":   (*script).crash,
	"restart": (*script).restart,
	"status":  (*script).status,
	"log":     (*script).showLog,
	"config":  (*script).config,
	"mode":    (*script).mode,
	"halt":    (*script).halt,
	"prune":   (*script).prune,
	"install": (*script).install,
	"corrupt": (*script).corrupt,
	"strict":  (*script).strict,
	"byz":     (*script).byzantine,
	"say":     (*script).say,
	"expect":  (*script).expect,
	"limit":   (*script).limit,
	"faults":  (*script).showFaults,
	"revolt":  (*script).revolt,
	"censor":  (*script).censor,
	"resign":  (*script).resign,
}

// arg reads an optional argument.
func arg(d *datadriven.TestData, key, fallback string) string {
	if d.HasArg(key) {
		var v string
		for _, a := range d.CmdArgs {
			if a.Key == key && len(a.Vals) > 0 {
				v = a.Vals[0]
			}
		}
		return v
	}
	return fallback
}

func number(d *datadriven.TestData, key string, fallback int) int {
	v, err := strconv.Atoi(arg(d, key, strconv.Itoa(fallback)))
	if err != nil {
		panic(fmt.Sprintf("%s: %s: %v", d.Pos, key, err))
	}
	return v
}

// ids reads the arguments that are bare numbers.
func ids(d *datadriven.TestData) []int {
	var all []int
	for _, a := range d.CmdArgs {
		if len(a.Vals) > 0 {
			continue
		}
		if id, err := strconv.Atoi(a.Key); err == nil {
			all = append(all, id)
		}
	}
	return all
}

// scenarioLimits are small, so that scripts need not be long.
func scenarioLimits() consensus.Limits {
	l := consensus.DefaultLimits()
	l.ElectionTicks, l.ComplainTicks, l.ForwardTicks = 20, 60, 10
	l.BatchTarget, l.InFlightMax, l.CacheEntriesMax = 4, 4, 16
	return l
}

// cluster n=4 [observers=1] [byz=4] [hopeless] [limit=value …]: in a hopeless one too
// many lie, and what must never happen may.
func (s *script) cluster(d *datadriven.TestData) error {
	limits := scenarioLimits()
	limits.RotateEvery = uint64(number(d, "rotate", 0))
	limits.Revolution = d.HasArg("revolution")
	limits.InFlightMax = number(d, "in-flight", limits.InFlightMax)
	limits.BatchTarget = number(d, "target", limits.BatchTarget)
	limits.BatchEntriesMax = number(d, "batch", limits.BatchEntriesMax)
	limits.CacheEntriesMax = number(d, "cache", limits.CacheEntriesMax)
	limits.SyncBytesMax = number(d, "sync-bytes", limits.SyncBytesMax)
	limits.WindowBytesMax = number(d, "window-bytes", limits.WindowBytesMax)
	limits.ElectionTicks = uint64(number(d, "election", int(limits.ElectionTicks)))
	s.broken = s.mutant != noMutant || d.HasArg("hopeless")
	s.world = newWorld(number(d, "n", 4), number(d, "observers", 0), limits, s.mutant)
	liars := strings.Split(arg(d, "byz", ""), "/")
	for _, n := range s.world.nodes {
		if slices.Contains(liars, strconv.Itoa(n.id)) {
			n.byz = true
			continue
		}
		if err := n.start(); err != nil {
			return err
		}
	}
	return nil
}

// propose 1 a b c: clients hand commands to a node; with all, to every node.
func (s *script) propose(d *datadriven.TestData) error {
	var to []int
	for i, a := range d.CmdArgs {
		if id, err := strconv.Atoi(a.Key); err == nil && len(to) == i {
			to = append(to, id)
		} else if a.Key == "all" {
			for _, n := range s.world.nodes {
				to = append(to, n.id)
			}
		} else {
			for _, id := range to {
				if n := s.world.node(id); !n.down && !n.byz {
					n.pool.add(juno.Entry{Type: juno.EntryCommand, Payload: []byte(a.Key)})
				}
			}
		}
	}
	s.pokeAll()
	return nil
}

// batch 1 pay n=3: a client hands a batch of commands to a node.
func (s *script) batch(d *datadriven.TestData) error {
	n := s.world.node(ids(d)[0])
	n.pool.add(batchOf(d.CmdArgs[1].Key, number(d, "n", 2))...)
	s.pokeAll()
	return nil
}

func (s *script) pokeAll() {
	for _, n := range s.world.nodes {
		if !n.down && !n.byz {
			n.core.Propose(n.now)
			n.advance()
		}
	}
}

// filter reads from=, to=, kind=, term=; each may be a list with slashes.
func (s *script) filter(d *datadriven.TestData) func(packet) bool {
	list := func(key string) []string {
		if v := arg(d, key, ""); v != "" {
			return strings.Split(v, "/")
		}
		return nil
	}
	from, to, kinds := list("from"), list("to"), list("kind")
	return func(p packet) bool {
		return (from == nil || slices.Contains(from, strconv.Itoa(p.from))) &&
			(to == nil || slices.Contains(to, strconv.Itoa(p.to))) &&
			(kinds == nil || slices.Contains(kinds, p.message.Kind().String()))
	}
}

// deliver [from=1] [to=2/3] [kind=vote] [once] [together] [show]
func (s *script) deliver(d *datadriven.TestData) error {
	keep := s.filter(d)
	if !d.HasArg("once") {
		s.world.settle(keep)
		return nil
	}
	wire := s.world.wire
	s.world.wire = nil
	left := number(d, "only", len(wire))
	s.world.together = d.HasArg("together")
	for _, p := range wire {
		if !keep(p) || left == 0 {
			s.world.wire = append(s.world.wire, p)
			continue
		}
		left--
		err := s.world.receive(p)
		if d.HasArg("show") {
			s.world.log("%d->%d %s%s", p.from, p.to, consensus.Describe(p.message), refusal(err))
		}
	}
	s.world.together = false
	for _, n := range s.world.nodes {
		if !n.down && !n.byz {
			n.advance()
		}
	}
	return nil
}

func refusal(err error) string {
	if err == nil {
		return ""
	}
	return ": refused: " + err.Error()
}

func (s *script) drop(d *datadriven.TestData) error {
	keep := s.filter(d)
	s.world.wire = slices.DeleteFunc(s.world.wire, keep)
	return nil
}

func (s *script) showWire(d *datadriven.TestData) error {
	keep := s.filter(d)
	for _, p := range s.world.wire {
		if keep(p) {
			s.world.log("%d->%d %s", p.from, p.to, consensus.Describe(p.message))
		}
	}
	return nil
}

// tick [1 2] [n=5]: time passes, nothing is delivered.
func (s *script) tick(d *datadriven.TestData) error {
	only := ids(d)
	for range number(d, "n", 1) {
		for _, n := range s.world.nodes {
			if len(only) == 0 || slices.Contains(only, n.id) {
				n.tick()
			}
		}
	}
	return nil
}

// run n=100: time passes and everything is delivered.
func (s *script) runFor(d *datadriven.TestData) error {
	keep := s.filter(d)
	for range number(d, "n", 100) {
		for _, n := range s.world.nodes {
			n.tick()
		}
		s.world.settle(keep)
	}
	return nil
}

// cut 1 [2 3]: the first node is cut off, from the others named or from all.
func (s *script) cut(d *datadriven.TestData) error {
	all := ids(d)
	for _, n := range s.world.nodes {
		if n.id != all[0] && (len(all) == 1 || slices.Contains(all[1:], n.id)) {
			s.world.cuts[[2]int{all[0], n.id}] = true
			s.world.cuts[[2]int{n.id, all[0]}] = true
		}
	}
	s.world.wire = slices.DeleteFunc(s.world.wire, func(p packet) bool {
		return s.world.cuts[[2]int{p.from, p.to}]
	})
	return nil
}

func (s *script) heal(*datadriven.TestData) error {
	clear(s.world.cuts)
	return nil
}

// hold 1: the disk of the node syncs only when told, with sync 1.
func (s *script) hold(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		s.world.node(id).hold = true
	}
	return nil
}

func (s *script) sync(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		n := s.world.node(id)
		n.hold = false
		n.sync()
		n.advance()
	}
	return nil
}

func (s *script) crash(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		s.world.node(id).crash()
	}
	return nil
}

func (s *script) restart(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		if n := s.world.node(id); !n.down {
			n.crash()
		}
		if err := s.world.node(id).start(); err != nil {
			return err
		}
	}
	return nil
}

func (s *script) status(d *datadriven.TestData) error {
	only := ids(d)
	for _, n := range s.world.nodes {
		if len(only) > 0 && !slices.Contains(only, n.id) {
			continue
		}
		switch {
		case n.byz:
			s.world.log("%d byzantine", n.id)
		case n.down:
			s.world.log("%d down", n.id)
		default:
			s.world.log("%s", describeStatus(n.core.Status()))
		}
	}
	return nil
}

func describeStatus(s consensus.Status) string {
	mark := func(p *juno.Pos) string {
		if p == nil {
			return "-"
		}
		return fmt.Sprint(uint64(p.Index))
	}
	out := fmt.Sprintf("%d %s of %s: last %d, accepted %s, prepared %s, committed %d, "+
		"high %d of %s", uint32(s.ID), s.Role, s.Term, s.Last.Index, mark(s.Accepted),
		mark(s.Prepared), s.Committed.Index, s.HighPos.Index, s.HighRank.Term)
	if s.RequestedTerm > s.Term {
		out += fmt.Sprintf(", asks for %s", s.RequestedTerm)
	}
	if s.Halted {
		out += ", halted"
	}
	return out
}

// log [1]: the log of a node, final entries with a star.
func (s *script) showLog(d *datadriven.TestData) error {
	for _, n := range s.world.nodes {
		if only := ids(d); n.byz || n.down || (len(only) > 0 && !slices.Contains(only, n.id)) {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%d:", n.id)
		for _, e := range n.disk.entries {
			star := ""
			if e.Index <= n.core.Status().Committed.Index {
				star = "*"
			}
			fmt.Fprintf(&b, " %s%s", describeEntry(&e), star)
		}
		s.world.log("%s", b.String())
	}
	return nil
}

func describeEntry(e *juno.Entry) string {
	name := e.Type.String()
	if e.Type == juno.EntryCommand {
		name = string(e.Payload)
	}
	return fmt.Sprintf("%s@%s", name, strings.TrimPrefix(e.Term.String(), "0."))
}

// config 1 voters=1/2/3/5 [observers=4] [leader=2]: an administrator proposes a new membership.
func (s *script) config(d *datadriven.TestData) error {
	n := s.world.node(ids(d)[0])
	present := n.core.Status().Config
	next := *present
	next.Epoch++
	members := func(key string) (all []juno.Member) {
		if arg(d, key, "") == "" {
			return nil
		}
		for _, v := range strings.Split(arg(d, key, ""), "/") {
			id, err := strconv.Atoi(v)
			if err != nil {
				panic(err)
			}
			for len(s.world.nodes) < id {
				s.world.addNode(len(s.world.nodes) + 1)
			}
			all = append(all, memberOf(id))
		}
		return all
	}
	next.Voters, next.Observers = members("voters"), members("observers")
	next.FirstLeader = juno.NodeID(number(d, "leader", int(next.Voters[0].ID)))
	change := &juno.ConfigChange{Previous: present.Hash(), Next: next}
	n.pool.add(juno.Entry{Type: juno.EntryConfig, Payload: change.Payload()})
	s.pokeAll()
	return nil
}

// mode 1 resume nonce=2: an administrator proposes a mode entry.
func (s *script) mode(d *datadriven.TestData) error {
	n := s.world.node(ids(d)[0])
	m := modePayload(d.HasArg("halt"), uint64(number(d, "nonce", 1)))
	n.pool.add(juno.Entry{Type: juno.EntryMode, Payload: m.Payload()})
	s.pokeAll()
	return nil
}

// halt 1 nonce=1: an administrator presses the red button at one node.
func (s *script) halt(d *datadriven.TestData) error {
	s.world.press(uint64(number(d, "nonce", 1)), number(d, "admin", 1), ids(d)...)
	return nil
}

// press brings the big red button to some nodes.
func (w *world) press(nonce uint64, admin int, to ...int) {
	m := modePayload(true, nonce)
	key := fakeKey('a', admin)
	m.Approvals = []juno.Approval{{Key: key.ID()}}
	m.Approvals[0].Signature = seal(w.cluster, key, juno.KindMode, m.Envelopes()[0].Body)
	for _, id := range to {
		w.post(0, id, &consensus.Halt{Change: m})
	}
}

// revolt 2 3 term=0.0 leader=1: an administrator wants another leader, and tells some nodes.
func (s *script) revolt(d *datadriven.TestData) error {
	t, err := term(arg(d, "term", "0.0"))
	s.world.revolt(t, juno.NodeID(number(d, "leader", 1)), ids(d)...)
	return err
}

// revolt brings a revolution to some nodes.
func (w *world) revolt(t juno.Term, leader juno.NodeID, to ...int) {
	r := &consensus.Revolution{Term: t, Leader: leader}
	key := fakeKey('a', 1)
	r.Approvals = []juno.Approval{{
		Key: key.ID(), Signature: seal(w.cluster, key, juno.KindRevolution, r.Body()),
	}}
	for _, id := range to {
		w.post(0, id, r)
	}
}

// resign 1: the node is about to end, and gives its term back.
func (s *script) resign(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		n := s.world.node(id)
		n.core.Resign()
		n.advance()
	}
	return nil
}

// censor 1: what others forward to the node is thrown away.
func (s *script) censor(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		s.world.node(id).censors = true
	}
	return nil
}

func (s *script) prune(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		s.world.node(id).prune(juno.Index(number(d, "to", 0)))
	}
	return nil
}

// install 5 [fails]: the host has fetched the state that the core asked for, or could not.
func (s *script) install(d *datadriven.TestData) error {
	n := s.world.node(ids(d)[0])
	if n.installs == nil {
		return fmt.Errorf("node %d asked for no snapshot", n.id)
	}
	if d.HasArg("fails") {
		n.installs = nil
		n.core.NotInstalled()
		n.advance()
		return nil
	}
	return n.install()
}

// strict 4: the node refuses commands that begin with "odd", which all others allow.
func (s *script) strict(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		s.world.node(id).rules.strict = true
	}
	return nil
}

func (s *script) corrupt(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		s.world.node(id).corrupt = true
	}
	return nil
}

// byz 4: from now on the script speaks for the node.
func (s *script) byzantine(d *datadriven.TestData) error {
	for _, id := range ids(d) {
		n := s.world.node(id)
		n.byz, n.core, n.pending = true, nil, nil
	}
	return nil
}

// expect committed=5 [role=quarantined] [term=0.1] [1 2 3]: it is a fault if a node that runs, of
// those named or of all, has less or is something else.
func (s *script) expect(d *datadriven.TestData) error {
	only := ids(d)
	want := juno.Index(number(d, "committed", 0))
	for _, n := range s.world.nodes {
		if n.byz || n.down || (len(only) > 0 && !slices.Contains(only, n.id)) {
			continue
		}
		st := n.core.Status()
		if st.Committed.Index < want {
			s.world.fault("node %d has committed %d, want %d", n.id, st.Committed.Index, want)
		}
		if role := arg(d, "role", st.Role.String()); role != st.Role.String() {
			s.world.fault("node %d is %s, want %s", n.id, st.Role, role)
		}
		if t := arg(d, "term", st.Term.String()); t != st.Term.String() {
			s.world.fault("node %d is in term %s, want %s", n.id, st.Term, t)
		}
	}
	return nil
}

// limit kind=sync-request most=10: it is a fault if more of them were sent since the last time.
func (s *script) limit(d *datadriven.TestData) error {
	keep := s.filter(d)
	count := 0
	for _, p := range s.world.sent {
		if keep(p) {
			count++
		}
	}
	s.world.sent = nil
	if most := number(d, "most", 0); count > most {
		s.world.fault("%d messages, at most %d expected", count, most)
	}
	return nil
}

func (s *script) showFaults(*datadriven.TestData) error {
	for _, f := range s.world.faults {
		s.world.log("%s", f)
	}
	return nil
}
