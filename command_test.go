package juno

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCommandRoundTrip(t *testing.T) {
	ring := testRing(t)
	rapid.Check(t, func(t *rapid.T) {
		c := Command{
			Request:  RequestID(rapid.Uint64Min(1).Draw(t, "request")),
			Expires:  Index(rapid.Uint64().Draw(t, "expires")),
			Language: Language(rapid.Byte().Draw(t, "language")),
			Text:     rapid.String().Draw(t, "text"),
		}
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		c.Sign(testKey(1), ring.Cluster())
		got, err := ParseCommand(c.Payload())
		if err != nil || got != c {
			t.Fatalf("%+v comes back as %+v, %v", c, got, err)
		}
		if v, err := ring.Open(got.Envelope(), 1); err != nil || v.Signer().Subject != "alice" ||
			v.Kind() != KindCommand {
			t.Fatalf("%+v is signed by %+v, %v", c, v.Signer(), err)
		}
		other := got
		other.Text += "!"
		if _, err := ring.Open(other.Envelope(), 1); !errors.Is(err, ErrBadSignature) {
			t.Fatalf("another text under the same signature: %v", err)
		}
	})
}

func TestCommandCheck(t *testing.T) {
	for want, c := range map[string]Command{
		"":             {Request: 1, Text: strings.Repeat("x", CommandTextBytesMax)},
		"request id 0": {Text: "x"},
		"at most":      {Request: 1, Text: strings.Repeat("x", CommandTextBytesMax+1)},
		"not UTF-8":    {Request: 1, Text: "\xff"},
	} {
		err := c.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got error %v", want, err)
		}
		if _, parseErr := ParseCommand(c.Payload()); (parseErr == nil) != (err == nil) {
			t.Errorf("check says %v, parse says %v", err, parseErr)
		}
	}
}

func TestSameRequest(t *testing.T) {
	_, payloads, cluster := testBatch(t, 2)
	first := Entry{Type: EntryCommand, Payload: payloads[1]}
	text, err := ParseCommand(payloads[1])
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		change func(c *Command, again *Entry)
		want   bool
	}{
		"sent again by itself": {func(*Command, *Entry) {}, true},
		"until another time":   {func(c *Command, _ *Entry) { c.Expires = 99 }, true},
		"another request":      {func(c *Command, _ *Entry) { c.Request++ }, false},
		"another text":         {func(c *Command, _ *Entry) { c.Text += " " }, false},
		"another language":     {func(c *Command, _ *Entry) { c.Language++ }, false},
		"another type": {
			func(_ *Command, again *Entry) { again.Type = EntryKeyOp }, false,
		},
		"no command": {
			func(_ *Command, again *Entry) { again.Payload = []byte{1} }, false,
		},
	} {
		c, again := text, Entry{Type: EntryCommand}
		row.change(&c, &again)
		c.Sign(testKey(2), cluster) // a later key of the client
		if again.Payload == nil {
			again.Payload = c.Payload()
		}
		if got := SameRequest(&first, &again); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
	change := Entry{Type: EntryKeyOp, Payload: []byte("a change of keys")}
	other := Entry{Type: EntryKeyOp, Payload: []byte("another one")}
	if !SameRequest(&change, &change) || SameRequest(&change, &other) {
		t.Error("changes of keys are the same exactly where their bytes are")
	}
}

func testBatch(t testing.TB, n int) (BatchHead, [][]byte, ClusterID) {
	t.Helper()
	commands := make([]Command, n)
	for i := range commands {
		commands[i].Language = LanguageHoplite
		commands[i].Text = fmt.Sprintf("transfer(a->b, %d%%1)", i)
	}
	cluster := testGenesis(4).ID()
	head, payloads := SignBatch(testKey(2), cluster, 100, commands)
	return head, payloads, cluster
}

func TestBatch(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 8, 100, BatchCommandsMax} {
		head, payloads, _ := testBatch(t, n)
		parsed, err := ParseBatchHead(head.Payload())
		if err != nil || parsed != head {
			t.Fatalf("head of %d comes back as %+v, %v", n, parsed, err)
		}
		if err := parsed.CheckBatch(payloads); err != nil {
			t.Errorf("batch of %d: %v", n, err)
		}
		v, err := testRing(t).Open(parsed.Envelope(), 1)
		if err != nil || v.Signer().Subject != "bob" {
			t.Errorf("batch of %d: %v", n, err)
		}
	}
}

func TestBatchRefused(t *testing.T) {
	head, payloads, cluster := testBatch(t, 5)
	resign := func(h *BatchHead, p [][]byte) { // the client signs whatever the commands are
		leaves := make([]Hash, len(p))
		for i := range p {
			leaves[i] = MerkleLeaf(p[i])
		}
		h.Root, h.Count = MerkleRoot(leaves), len(p)
		h.Signature = Seal(testKey(2), cluster, KindBatch, h.signedBody()).Signature
	}
	remake := func(p []byte, change func(*Command)) []byte {
		c, err := ParseCommand(p)
		if err != nil {
			t.Fatal(err)
		}
		change(&c)
		return c.Payload()
	}
	for name, change := range map[string]func(*BatchHead, [][]byte) [][]byte{
		"one less": func(_ *BatchHead, p [][]byte) [][]byte { return p[:4] },
		"one more": func(_ *BatchHead, p [][]byte) [][]byte { return append(p, p[0]) },
		"none":     func(*BatchHead, [][]byte) [][]byte { return nil },
		"swapped": func(_ *BatchHead, p [][]byte) [][]byte {
			p[0], p[1] = p[1], p[0]
			return p
		},
		"root":        func(h *BatchHead, p [][]byte) [][]byte { h.Root[0] ^= 1; return p },
		"changed bit": func(_ *BatchHead, p [][]byte) [][]byte { p[2][20] ^= 1; return p },
		"numbered wrong": func(h *BatchHead, p [][]byte) [][]byte {
			p[2] = remake(p[2], func(c *Command) { c.Request++ })
			resign(h, p)
			return p
		},
		"of another key": func(h *BatchHead, p [][]byte) [][]byte {
			p[2] = remake(p[2], func(c *Command) { c.Key[0] ^= 1 })
			resign(h, p)
			return p
		},
		"single inside": func(h *BatchHead, p [][]byte) [][]byte {
			p[2] = remake(p[2], func(c *Command) { c.Batched = false })
			resign(h, p)
			return p
		},
		"no command inside": func(h *BatchHead, p [][]byte) [][]byte {
			p[2] = []byte("nonsense")
			resign(h, p)
			return p
		},
		"numbers moved": func(h *BatchHead, p [][]byte) [][]byte {
			h.FirstRequest++
			resign(h, p)
			return p
		},
	} {
		h, p := head, make([][]byte, 0, 6)
		for _, b := range payloads {
			p = append(p, slices.Clone(b))
		}
		if err := h.CheckBatch(change(&h, p)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSignBatchPanics(t *testing.T) {
	for name, c := range map[string]struct {
		first RequestID
		n     int
	}{
		"nothing":         {1, 0},
		"too many":        {1, BatchCommandsMax + 1},
		"request id 0":    {0, 1},
		"ids overflowing": {math.MaxUint64, 2},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			SignBatch(testKey(1), Hash{}, c.first, make([]Command, c.n))
		}()
	}
}

// TestKindsSeparate wants a signature of one kind never to be one of another, nor in another
// cluster.
func TestKindsSeparate(t *testing.T) {
	key, body := testKey(1), []byte("the same body")
	for kind := KindCommand; kind <= KindProof; kind++ {
		e := Seal(key, Hash{1}, kind, body)
		for other := KindCommand; other <= KindProof; other++ {
			for _, cluster := range []ClusterID{{1}, {2}} {
				message := AppendSigningBytes(nil, other, cluster, body)
				ok := VerifySignature(key.Public(), message, e.Signature)
				if want := other == kind && cluster == (ClusterID{1}); ok != want {
					t.Errorf("kind %d as kind %d in cluster %d: %t", kind, other, cluster[0], ok)
				}
			}
		}
	}
}

// TestAllocations holds the hot paths to what they cost.
func TestAllocations(t *testing.T) {
	// Each row has variables of its own: the rows of a map come in any order.
	command := benchCommand()
	payload := command.Payload()
	head, payloads, _ := testBatch(t, 64)
	hashed := &Entry{Index: 1, Type: EntryCommand, Payload: make([]byte, 100)}
	encoded := AppendEntry(nil, hashed)
	var parsed Command
	var decoded Entry
	var made []byte
	for name, f := range map[string]struct {
		most float64
		f    func()
	}{
		"ParseCommand":    {1, func() { parsed, _ = ParseCommand(payload) }},
		"Command.Payload": {1, func() { made = command.Payload() }},
		"ChainHash":       {0, func() { hashed.ChainHash(Hash{}) }},
		"Decoder.Entry":   {0, func() { d := NewDecoder(encoded); decoded = d.Entry() }},
		"CheckBatch":      {1, func() { _ = head.CheckBatch(payloads) }},
	} {
		// The count is the whole process's, so the best of a few runs is what f itself needs.
		got := testing.AllocsPerRun(100, f.f)
		for try := 0; try < 5 && got > f.most; try++ {
			got = min(got, testing.AllocsPerRun(100, f.f))
		}
		if got > f.most {
			t.Errorf("%s: %.0f allocations, at most %.0f", name, got, f.most)
		}
	}
	if parsed.Text != command.Text || decoded.Index != 1 || !bytes.Equal(made, payload) {
		t.Error("what was measured did nothing")
	}
}
