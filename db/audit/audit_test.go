package audit

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"juno"
	"juno/db/state"
	"juno/verify"
)

// ledger is a log of one node, with its certificates.
type ledger struct {
	genesis *juno.Genesis
	client  juno.PrivateKey
	node    juno.PrivateKey
	entries []juno.Chained
	proofs  []*juno.QuorumCertificate
	request juno.RequestID
	time    juno.Millis
}

func key(n byte) juno.PrivateKey { return juno.NewPrivateKey([juno.SeedBytes]byte{n}) }

func newLedger() *ledger {
	l := &ledger{client: key(1), node: key(2), time: 1000}
	l.genesis = &juno.Genesis{
		Created: l.time, Open: true,
		Config: juno.EpochConfig{
			Voters:      []juno.Member{{ID: 1, Public: l.node.Public()}},
			FirstLeader: 1, CheckpointEvery: 1000,
		},
		Clients: []juno.ClientKey{
			{Name: "alice", Role: juno.RoleOperator, Public: l.client.Public()},
		},
	}
	return l
}

func (l *ledger) start() juno.Pos { return juno.Pos{Hash: l.genesis.ID()} }

func (l *ledger) tip() juno.Pos {
	if n := len(l.entries); n > 0 {
		return l.entries[n-1].Pos()
	}
	return l.start()
}

func (l *ledger) add(t juno.EntryType, payload []byte) {
	l.time++
	tip := l.tip()
	e := juno.Entry{Index: tip.Index + 1, Time: l.time, Type: t, Payload: payload}
	l.entries = append(l.entries, juno.Chained{Entry: e, Hash: e.ChainHash(tip.Hash)})
}

func (l *ledger) command(text string) juno.Command {
	return juno.Command{Language: juno.DetectLanguage(text), Text: text}
}

// single appends a command that is signed by itself.
func (l *ledger) single(text string) {
	l.request++
	c := l.command(text)
	c.Request = l.request
	c.Sign(l.client, l.genesis.ID())
	l.add(juno.EntryCommand, c.Payload())
}

// batch appends commands under one signature.
func (l *ledger) batch(n int, text func(i int) string) {
	commands := make([]juno.Command, n)
	for i := range commands {
		commands[i] = l.command(text(i))
	}
	head, payloads := juno.SignBatch(l.client, l.genesis.ID(), l.request+1, commands)
	l.request += juno.RequestID(n)
	l.add(juno.EntryBatchHead, head.Payload())
	for _, p := range payloads {
		l.add(juno.EntryCommand, p)
	}
}

// commit appends a certificate for the tip.
func (l *ledger) commit() {
	pos := l.tip()
	claim := juno.Vote{Node: 1, Accepted: &pos, Prepared: &pos, Committed: pos}
	l.proofs = append(l.proofs, &juno.QuorumCertificate{
		Pos: pos, Kind: juno.Commit,
		Votes: []juno.SignedVote{juno.SignVote(l.node, l.genesis.ID(), claim)},
	})
}

// fill appends all sorts of entries.
func (l *ledger) fill() *ledger {
	l.add(juno.EntryTermStart, make([]byte, juno.HashBytes))
	for i := range 40 {
		if i < 7 {
			l.single(fmt.Sprintf("CreateAccount a%d", i))
		} else {
			l.single(fmt.Sprintf("AdjustAccount a%d 100%%1", i%7))
		}
		if i%5 == 0 {
			l.commit()
		}
	}
	l.batch(300, func(i int) string { return fmt.Sprintf("transfer(a%d->b%d, 1%%1)", i%7, i%3) })
	l.commit()
	for i := range 30 {
		l.single(fmt.Sprintf("transfer(a%d->b%d->c, 2%%1)", i%7, i%3))
		l.single("nonsense")
	}
	l.commit()
	return l
}

// rechain makes the chain hashes right again, as somebody would who can write to the disk.
func (l *ledger) rechain() {
	prev := l.start().Hash
	for i := range l.entries {
		l.entries[i].Hash = l.entries[i].ChainHash(prev)
		prev = l.entries[i].Hash
	}
}

// replayed returns the state after all entries.
func (l *ledger) replayed(t *testing.T) *Memory {
	t.Helper()
	o := Options{Genesis: l.genesis, Start: l.start(), Replay: true}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	a.Entries(l.entries)
	if _, err := a.Finish(); err != nil {
		t.Fatal(err)
	}
	return a.replay.state
}

// members returns the membership of epoch 0.
func (l *ledger) members(t testing.TB) *verify.Memberships {
	t.Helper()
	m, err := verify.FromGenesis(l.genesis, l.genesis.ID())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (l *ledger) options(t *testing.T) Options {
	end := l.replayed(t)
	return Options{
		Genesis: l.genesis, Start: l.start(), Signatures: true, Proofs: true, Replay: true,
		Members: l.members(t),
		Balances: func(yield func(account, currency string, amount juno.Amount) bool) error {
			return end.Scan([]byte{byte(state.KindBalance)}, func(key, value []byte) bool {
				k, _ := state.ParseKey(key)
				b, _ := state.ParseBalance(value)
				return yield(k.Name, k.Currency, b.Amount)
			})
		},
	}
}

// audit runs an auditor over the log in stretches.
func (l *ledger) audit(t *testing.T, o Options, stretch int) map[string]juno.Finding {
	t.Helper()
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	proofs := l.proofs
	for rest := l.entries[o.Start.Index:]; len(rest) > 0; {
		n := min(stretch, len(rest))
		a.Entries(rest[:n])
		rest = rest[n:]
		if len(proofs) > 0 { // they come early and late
			a.Certificate(proofs[0])
			proofs = proofs[1:]
		}
	}
	for _, c := range proofs {
		a.Certificate(c)
	}
	findings, err := a.Finish()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]juno.Finding)
	for _, f := range findings {
		all[f.Check] = f
	}
	return all
}

func TestSoundLogPasses(t *testing.T) {
	l := newLedger().fill()
	o := l.options(t)
	whole := l.audit(t, o, 1)
	if n := len(whole); n != 5 {
		t.Fatalf("%d findings, want 5", n)
	}
	n := uint64(len(l.entries))
	want := map[string]uint64{
		CheckChain: n, CheckSignatures: n - 1, CheckState: n,
		CheckProofs: uint64(len(l.proofs)), CheckBalances: 2 * (33 + 300 + 60),
	}
	for check, items := range want {
		f := whole[check]
		if !f.OK || f.Items != items || f.From != 1 || f.To != juno.Index(n+1) {
			t.Errorf("%s: %+v, want %d items", check, f, items)
		}
	}
	o.Replay = false
	o.Results = func(from, to juno.Index) (map[juno.Index]juno.Result, error) {
		refused := make(map[juno.Index]juno.Result)
		for i := from; i < to; i++ {
			c, err := juno.ParseCommand(l.entries[i-1].Payload)
			if err == nil && c.Text == "nonsense" {
				refused[i] = juno.Result{Status: juno.StatusRefused}
			}
		}
		return refused, nil
	}
	if f := l.audit(t, o, 10)[CheckBalances]; f != whole[CheckBalances] {
		t.Errorf("books without replay: %+v, want %+v", f, whole[CheckBalances])
	}
	o.Replay = true
	for _, stretch := range []int{7, 100, 1 << 20} {
		for check, f := range l.audit(t, o, stretch) {
			if f != whole[check] {
				t.Errorf("stretches of %d: %+v, want %+v", stretch, f, whole[check])
			}
		}
	}
}

func TestFaultsAreFound(t *testing.T) {
	at := func(l *ledger, i juno.Index) *juno.Chained { return &l.entries[i-1] }
	flip := func(l *ledger, i juno.Index, b int) {
		p := append([]byte{}, at(l, i).Payload...)
		p[len(p)-b] ^= 1
		at(l, i).Payload = p
	}
	cases := []struct {
		name  string
		spoil func(l *ledger, o *Options)
		bad   map[string]juno.Index // first bad entry of each check that fails; 0: any
		words string
	}{
		{
			"byte of a payload", func(l *ledger, o *Options) { flip(l, 20, 70) },
			map[string]juno.Index{CheckChain: 20, CheckSignatures: 20, CheckBalances: 0},
			"chain hash",
		},
		{
			"time of an entry", func(l *ledger, o *Options) { at(l, 30).Time++ },
			map[string]juno.Index{CheckChain: 30},
			"",
		},
		{
			"entry swapped",
			func(l *ledger, o *Options) { *at(l, 5), *at(l, 6) = *at(l, 6), *at(l, 5) },
			map[string]juno.Index{
				CheckChain: 5, CheckSignatures: 5, CheckState: 6,
				CheckBalances: 6,
			},
			"missing",
		},
		{"payload changed and chain made anew", func(l *ledger, o *Options) {
			flip(l, 20, 1)
			l.rechain()
		}, map[string]juno.Index{CheckSignatures: 20, CheckProofs: 22}, "bad signature"},
		{"command of a batch", func(l *ledger, o *Options) {
			flip(l, 100, 6) // the account
			l.rechain()
		}, map[string]juno.Index{CheckSignatures: 342, CheckProofs: 342, CheckBalances: 0}, "root"},
		{"command repeated", func(l *ledger, o *Options) {
			at(l, 10).Payload = at(l, 9).Payload
			l.rechain()
		}, map[string]juno.Index{
			CheckSignatures: 10, CheckProofs: 12, CheckBalances: 0,
		}, "used before"},
		{"vote of another node", func(l *ledger, o *Options) {
			v := &l.proofs[1].Votes[0]
			*v = juno.SignVote(key(9), l.genesis.ID(), v.Vote)
		}, map[string]juno.Index{CheckProofs: 7}, "unknown key"},
		{
			"bad vote", func(l *ledger, o *Options) { l.proofs[1].Votes[0].Signature[3] ^= 1 },
			map[string]juno.Index{CheckProofs: 7},
			"bad signature",
		},
		{
			"no quorum", func(l *ledger, o *Options) { l.proofs[1].Votes = nil },
			map[string]juno.Index{CheckProofs: 7},
			"votes",
		},
		{
			"certificate of another chain",
			func(l *ledger, o *Options) { l.proofs[1].Pos.Hash[0] ^= 1 },
			map[string]juno.Index{CheckProofs: 7},
			"the log has hash",
		},
		{
			"certificate of nothing", func(l *ledger, o *Options) { l.proofs[1].Pos.Index = 5000 },
			map[string]juno.Index{CheckProofs: 5000},
			"",
		},
		{"known position", func(l *ledger, o *Options) {
			o.Known = []juno.Pos{at(l, 3).Pos(), {Index: 50, Hash: juno.Hash{1}}}
		}, map[string]juno.Index{CheckChain: 50}, "known from elsewhere"},
		{"recorded state", func(l *ledger, o *Options) {
			o.Recorded = []RecordedState{{Index: 60, Where: "snapshot 60"}}
		}, map[string]juno.Index{CheckState: 60}, "snapshot 60"},
		{"cut off", func(l *ledger, o *Options) {
			o.To = juno.Index(len(l.entries) + 1)
			l.entries = l.entries[:350]
		}, map[string]juno.Index{CheckChain: 351, CheckProofs: 402, CheckBalances: 351}, "missing"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger().fill()
			o := l.options(t)
			c.spoil(l, &o)
			words := ""
			for check, f := range l.audit(t, o, 64) {
				bad, fails := c.bad[check]
				if f.OK == fails || fails && f.FirstBad != bad && bad != 0 {
					t.Errorf("%s: %s, want a fault at %d", check, &f, bad)
				}
				words += f.String()
			}
			if !strings.Contains(words, c.words) {
				t.Errorf("%q is not in %s", c.words, words)
			}
		})
	}
}

func TestRangesBeginAtAnyState(t *testing.T) {
	l := newLedger().fill()
	whole := l.options(t)
	for _, start := range []juno.Index{1, 20, 41, 342, 360} {
		part := *l
		part.entries = l.entries[:start]
		o := whole
		o.Start, o.State, o.From = l.entries[start-1].Pos(), part.replayed(t), start+5
		part.entries = l.entries
		for check, f := range part.audit(t, o, 50) {
			if !f.OK {
				t.Errorf("from %d: %s", start, &f)
			}
			if check == CheckChain && (f.From != start+5 || f.Items != uint64(f.To-f.From)) {
				t.Errorf("from %d: %+v", start, f)
			}
		}
	}
	o := whole
	o.Start = l.entries[99].Pos()
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "snapshot") {
		t.Errorf("a log that begins behind entry 100 without a state: %v", err)
	}
	part := *l
	part.entries = l.entries[:100]
	o.State = part.replayed(t)
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "inside of a client batch") {
		t.Errorf("a state inside a batch: %v", err)
	}
}

func TestChainOfStretches(t *testing.T) {
	l := newLedger().fill()
	n := juno.Index(len(l.entries))
	run := func(entries []juno.Chained, order []int, known ...juno.Pos) juno.Finding {
		c := NewChain(l.start(), n+1, known...)
		size := (len(entries) + len(order) - 1) / len(order)
		for _, i := range order {
			c.Stretch(entries[min(i*size, len(entries)):min(i*size+size, len(entries))])
		}
		return c.Finish()
	}
	if f := run(l.entries, []int{3, 1, 0, 2}); !f.OK || f.Items != uint64(n) {
		t.Errorf("sound chain: %s", &f)
	}
	if f := run(l.entries, []int{1, 0}, juno.Pos{Index: 9, Hash: juno.Hash{2}}); f.FirstBad != 9 {
		t.Errorf("known position: %s", &f)
	}
	for bad := range n {
		spoiled := append([]juno.Chained{}, l.entries...)
		spoiled[bad].Time += 5
		if f := run(spoiled, []int{2, 0, 1}); f.OK || f.FirstBad != bad+1 {
			t.Fatalf("entry %d changed: %s", bad+1, &f)
		}
		without := append(append([]juno.Chained{}, l.entries[:bad]...), l.entries[bad+1:]...)
		if f := run(without, []int{2, 0, 1}); f.OK || f.FirstBad != bad+1 {
			t.Fatalf("entry %d missing: %s", bad+1, &f)
		}
	}
	c := NewChain(l.start(), n+1)
	c.Stretch(l.entries[:20])
	c.Damage(21, errors.New("torn"))
	if f := c.Finish(); f.FirstBad != 21 || f.Detail != "torn" {
		t.Errorf("damage: %s", &f)
	}
}
