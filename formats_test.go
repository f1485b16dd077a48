package juno

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden bytes anew")

// format is one canonical encoding: a sample of it, and how it is read and written back.
type format struct {
	name   string
	sample []byte
	again  again
}

// again decodes b and encodes what it got; an error if b is refused.
type again func(b []byte) ([]byte, error)

// decoded makes a format's again from a reader that does not look at the end.
func decoded[T any](read func(*Decoder) T, write func([]byte, T) []byte) again {
	return func(b []byte) ([]byte, error) {
		d := NewDecoder(b)
		v := read(d)
		if err := d.Done(); err != nil {
			return nil, err
		}
		return write(nil, v), nil
	}
}

// parsed makes a format's again from a parser of whole payloads.
func parsed[T any](parse func([]byte) (T, error), write func(T) []byte) again {
	return func(b []byte) ([]byte, error) {
		v, err := parse(b)
		if err != nil {
			return nil, err
		}
		return write(v), nil
	}
}

var (
	commandAgain = parsed(ParseCommand, func(c Command) []byte { return c.Payload() })
	batchAgain   = parsed(ParseBatchHead, func(h BatchHead) []byte { return h.Payload() })
	keyOpAgain   = parsed(ParseKeyOp, func(o KeyOp) []byte { return o.Payload() })
	configAgain  = parsed(ParseConfigChange, (*ConfigChange).Payload)
	modeAgain    = parsed(ParseModeChange, (*ModeChange).Payload)
	genesisAgain = parsed(ParseGenesis, func(g *Genesis) []byte { return AppendGenesis(nil, g) })
	amountAgain  = decoded((*Decoder).Amount, AppendAmount)
	entryAgain   = decoded((*Decoder).Entry, func(b []byte, e Entry) []byte {
		return AppendEntry(b, &e)
	})
	linkAgain        = decoded((*Decoder).EntryHeader, AppendEntryHeader)
	keyRecordAgain   = decoded((*Decoder).KeyRecord, AppendKeyRecord)
	membershipAgain  = decoded((*Decoder).Config, AppendConfig)
	certificateAgain = decoded((*Decoder).Certificate, AppendCertificate)
	voteAgain        = decoded((*Decoder).SignedVote, func(b []byte, c SignedVote) []byte {
		return AppendSignedVote(b, &c)
	})
	answerAgain = decoded((*Decoder).Answer, func(b []byte, a Answer) []byte {
		return AppendAnswer(b, &a)
	})
	resultAgain = decoded((*Decoder).Result, func(b []byte, r Result) []byte {
		return AppendResult(b, &r)
	})
	answersAgain = decoded((*Decoder).AnswerSheet, AppendAnswerSheet)
	readingAgain = decoded((*Decoder).Reading, func(b []byte, r Reading) []byte {
		return AppendReading(b, &r)
	})
	epochAgain = decoded((*Decoder).EpochChange, func(b []byte, e EpochChange) []byte {
		return AppendEpochChange(b, &e)
	})
)

// formats returns a sample of every format. Everything in them is fixed, signatures included:
// ed25519 signs without randomness.
func formats(t testing.TB) []format {
	scene := newScene(t, 4)
	revoke := &KeyOp{
		Action: KeyRevoke, Request: 4, Subject: "carol", Role: RoleClient,
		Ends: testKey(21).Public().ID(),
	}
	revoke.Sign(testKey(1), nil, scene.cluster)
	mode := &ModeChange{Halted: true, Nonce: 1, Reason: "audit"}
	mode.Approve(testKey(90), scene.cluster)
	held := scene.certificate(Commit, 5)
	detached := scene.detached(Commit, 5, 7)
	entry := *scene.entry(2)
	vote := scene.vote(1, 0, Commit, 5)
	refused := Result{Status: StatusRefused, Code: CodeFunds, Message: "alice has 3, needs 5"}
	observed := Result{Status: StatusOK, Value: "alice 12.5"}
	answer := scene.answer(2, 2, refused)
	record := KeyRecord{
		Subject: "bob", Role: RoleClient, Public: testKey(2).Public(), From: 12,
		Until: 300, IntroducedBy: testKey(1).Public().ID(), RevokedBy: testKey(2).Public().ID(),
	}
	record.ID = record.Public.ID()
	epoch := EpochChange{
		Prev: scene.hashes[7], Entry: *scene.entry(8), Certificate: scene.detached(Commit, 8, 8),
	}
	all := []format{
		{"command", scene.entries[1].Payload, commandAgain},
		{"command batched", scene.entries[4].Payload, commandAgain},
		{"batch head", scene.entries[3].Payload, batchAgain},
		{"key register", scene.entries[2].Payload, keyOpAgain},
		{"key revoke", revoke.Payload(), keyOpAgain},
		{"mode change", mode.Payload(), modeAgain},
		{"membership change", scene.entries[7].Payload, configAgain},
		{"entry", AppendEntry(nil, &entry), entryAgain},
		{"link", AppendEntryHeader(nil, entry.Header()), linkAgain},
		{"key record", AppendKeyRecord(nil, record), keyRecordAgain},
		{"membership", AppendConfig(nil, &scene.genesis.Config), membershipAgain},
		{"genesis", AppendGenesis(nil, scene.genesis), genesisAgain},
		{"signed vote", AppendSignedVote(nil, &vote), voteAgain},
		{"certificate", AppendCertificate(nil, held), certificateAgain},
		{"certificate detached", AppendCertificate(nil, detached), certificateAgain},
		{"result refused", AppendResult(nil, &refused), resultAgain},
		{"result observed", AppendResult(nil, &observed), resultAgain},
		{"answer", AppendAnswer(nil, &answer), answerAgain},
		{"answers", AppendAnswerSheet(nil, scene.sheets()[1]), answersAgain},
		{"reading", AppendReading(nil, scene.reading()), readingAgain},
		{"epoch change", AppendEpochChange(nil, &epoch), epochAgain},
	}
	for _, s := range []string{
		"0", "1", "-1", "255", "256", "12.5", "-1%3", "9223372036854775807",
		"-9223372036854775808", "1%18446744073709551616", strings.Repeat("9", 154),
	} {
		all = append(all, format{"amount " + s, AppendAmount(nil, amount(t, s)), amountAgain})
	}
	return all
}

func goldenText(all []format) string {
	var b strings.Builder
	b.WriteString("# One sample of every format: its name, its length, its bytes.\n")
	for _, f := range all {
		fmt.Fprintf(&b, "\n%s: %d bytes\n", f.name, len(f.sample))
		for chunk := range slices.Chunk(f.sample, 40) {
			fmt.Fprintf(&b, "\t%s\n", hex.EncodeToString(chunk))
		}
	}
	return b.String()
}

// TestGolden holds every format to the bytes it had when it was released. A difference is a new
// version of the format, never a new golden file.
func TestGolden(t *testing.T) {
	file := filepath.Join("testdata", "formats.txt")
	got := goldenText(formats(t))
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n\n"), strings.Split(string(want), "\n\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("got\n%s\nwant\n%s", g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Errorf("%d formats, want %d", len(g), len(w))
	}
}

// TestHashes fixes the hashes that name things, under their domain tags. The wanted values were
// computed from testdata/formats.txt by another program.
func TestHashes(t *testing.T) {
	genesis := testGenesis(4)
	entry := newScene(t, 4).entry(1)
	result := Result{Status: StatusOK, Value: "x"}
	for name, h := range map[string][2]string{
		"genesis": {
			genesis.ID().String(),
			"9285c7c50cb542697a9e850926fda42bcf1c80e8f36fada8edd2c40de3bd93b8",
		},
		"membership": {
			genesis.Config.Hash().String(),
			"624484d67c4b3b9b3c1bf5c6c060efe901b161b5bd4658f09910c9a6159b01b3",
		},
		"chain": {
			entry.ChainHash(genesis.ID()).String(),
			"7b34d3930333856193c71b2d0a672338c1dee4d3c4207b6ae81dad2e2293ff6c",
		},
		"result": {
			result.Hash().String(),
			"e33f713452832bcdf9de09e28dadfd533d2e9a5650c4754916cdf43613406aa6",
		},
		"leaf": {
			MerkleLeaf([]byte("x")).String(),
			"3c7e9bc930dc93f01fa69985ef242d9f9e861f3c5355aa24ce5ef4b4b8a70ccb",
		},
	} {
		if h[0] != h[1] {
			t.Errorf("%s: hash %s, want %s", name, h[0], h[1])
		}
	}
	// The message does not count: its words may get better.
	loud := result
	loud.Message = "fine"
	if loud.Hash() != result.Hash() {
		t.Error("the message of a result changes its hash")
	}
}

// TestStrict wants every decoder to refuse all bytes but those that it would write itself: every
// truncation, every extension, every flipped bit.
func TestStrict(t *testing.T) {
	for _, f := range formats(t) {
		t.Run(f.name, func(t *testing.T) {
			again, err := f.again(f.sample)
			if err != nil {
				t.Fatalf("its own bytes are refused: %v", err)
			}
			if !bytes.Equal(again, f.sample) {
				t.Fatalf("written again\n%x\nwas\n%x", again, f.sample)
			}
			for n := range f.sample {
				if _, err := f.again(f.sample[:n]); err == nil {
					t.Errorf("the first %d of %d bytes are taken for all", n, len(f.sample))
				}
			}
			for c := range 256 {
				if _, err := f.again(append(bytes.Clone(f.sample), byte(c))); err == nil {
					t.Errorf("a byte %02x too many is taken", c)
				}
			}
			strictBits(t, f)
		})
	}
}

func strictBits(t *testing.T, f format) {
	step := 1
	if len(f.sample) > 1200 {
		step = 3 // odd, so that all bits of a byte get their turn
	}
	for bit := 0; bit < 8*len(f.sample); bit += step {
		b := bytes.Clone(f.sample)
		b[bit/8] ^= 1 << (bit % 8)
		again, err := f.again(b)
		if err == nil && !bytes.Equal(again, b) {
			t.Errorf("bit %d: %x is read as %x", bit, b, again)
		}
		if err != nil && !strings.Contains(err.Error(), "malformed") {
			t.Errorf("bit %d: error %q is not ErrMalformed", bit, err)
		}
	}
}
