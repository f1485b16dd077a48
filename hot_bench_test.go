package juno

import (
	"fmt"
	"strings"
	"testing"
)

func benchCommand() *Command {
	c := &Command{Request: 4711, Language: LanguageHoplite, Text: "transfer(alice->bob, 12.50)"}
	c.Sign(testKey(1), ClusterID{1})
	return c
}

func BenchmarkParseCommand(b *testing.B) {
	payload := benchCommand().Payload()
	var c Command
	var err error
	b.ReportAllocs()
	for b.Loop() {
		if c, err = ParseCommand(payload); err != nil {
			b.Fatal(err)
		}
	}
	if c.Text == "" {
		b.Fatal("no text")
	}
}

func BenchmarkCommandPayload(b *testing.B) {
	c := benchCommand()
	b.ReportAllocs()
	for b.Loop() {
		c.Payload()
	}
}

func BenchmarkChainHash(b *testing.B) {
	e := &Entry{Index: 1, Term: 1, Time: 1, Type: EntryCommand, Payload: make([]byte, 100)}
	h := Hash{}
	b.ReportAllocs()
	for b.Loop() {
		h = e.ChainHash(h)
	}
}

func BenchmarkDecodeEntry(b *testing.B) {
	e := &Entry{Index: 1, Term: 1, Time: 1, Type: EntryCommand, Payload: make([]byte, 100)}
	encoded := AppendEntry(nil, e)
	b.ReportAllocs()
	for b.Loop() {
		d := NewDecoder(encoded)
		if d.Entry(); d.Done() != nil {
			b.Fatal(d.Err())
		}
	}
}

// BenchmarkCheckBatch reports ns per command.
func BenchmarkCheckBatch(b *testing.B) {
	for _, n := range []int{16, 1000, BatchCommandsMax} {
		b.Run(fmt.Sprintf("commands=%d", n), func(b *testing.B) {
			commands := make([]Command, n)
			for i := range commands {
				commands[i].Text = fmt.Sprintf("transfer(alice->bob, %d%%1)", i)
			}
			head, payloads := SignBatch(testKey(1), ClusterID{1}, 1, commands)
			b.ReportAllocs()
			for b.Loop() {
				if err := head.CheckBatch(payloads); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/command")
		})
	}
}

func BenchmarkMerkleRoot(b *testing.B) {
	leaves := make([]Hash, 1024)
	b.ReportAllocs()
	for b.Loop() {
		MerkleRoot(leaves)
	}
}

func BenchmarkMerkleLeaf(b *testing.B) {
	for _, n := range []int{60, 400, 4000} {
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			data := []byte(strings.Repeat("x", n))
			b.ReportAllocs()
			for b.Loop() {
				MerkleLeaf(data)
			}
		})
	}
}

func BenchmarkAmount(b *testing.B) {
	half, third := amount(b, "12.50"), amount(b, "1%3")
	large := amount(b, strings.Repeat("9", 40)+".25")
	for name, f := range map[string]func(){
		"add same scale": func() { _, _ = half.Add(half) },
		"add 1%3":        func() { _, _ = half.Add(third) },
		"add large":      func() { _, _ = large.Add(half) },
		"mul":            func() { _, _ = half.Mul(third) },
		"cmp":            func() { half.Cmp(third) },
		"string":         func() { _ = half.String() },
		"parse":          func() { _, _ = ParseAmount("12.50") },
		"minor":          func() { half.Minor(2) },
		"decode": func() {
			d := Decoder{b: []byte{1, 1, 25, 2}}
			d.Amount()
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func amount(t testing.TB, s string) Amount {
	t.Helper()
	a, err := ParseAmount(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
