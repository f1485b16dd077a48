package juno

import (
	"bytes"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"
)

// fuzzAgain feeds a decoder with anything: it must not panic, and what it accepts must be exactly
// what it would write.
func fuzzAgain(f *testing.F, prefix string, again again) {
	for _, sample := range formats(f) {
		if strings.HasPrefix(sample.name, prefix) {
			f.Add(sample.sample)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		got, err := again(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was changed")
		}
		switch {
		case err == nil && !bytes.Equal(got, b):
			t.Fatalf("%x is read as %x", b, got)
		case err != nil && !errors.Is(err, ErrMalformed):
			t.Fatalf("error %v is not ErrMalformed", err)
		}
	})
}

func FuzzAmount(f *testing.F)       { fuzzAgain(f, "amount", amountAgain) }
func FuzzCommand(f *testing.F)      { fuzzAgain(f, "command", commandAgain) }
func FuzzBatchHead(f *testing.F)    { fuzzAgain(f, "batch", batchAgain) }
func FuzzGenesis(f *testing.F)      { fuzzAgain(f, "genesis", genesisAgain) }
func FuzzKeyOp(f *testing.F)        { fuzzAgain(f, "key re", keyOpAgain) }
func FuzzResult(f *testing.F)       { fuzzAgain(f, "result", resultAgain) }
func FuzzConfigChange(f *testing.F) { fuzzAgain(f, "membership change", configAgain) }
func FuzzModeChange(f *testing.F)   { fuzzAgain(f, "mode", modeAgain) }
func FuzzAnswer(f *testing.F)       { fuzzAgain(f, "answer", answerAgain) }
func FuzzAnswerSheet(f *testing.F)  { fuzzAgain(f, "answers", answersAgain) }
func FuzzReading(f *testing.F)      { fuzzAgain(f, "reading", readingAgain) }
func FuzzEpochChange(f *testing.F)  { fuzzAgain(f, "epoch change", epochAgain) }

// FuzzDecodeEntry decodes entries, and the payload as what the type says it is.
func FuzzDecodeEntry(f *testing.F) {
	for _, e := range newScene(f, 4).entries {
		f.Add(AppendEntry(nil, &e))
	}
	payloads := map[EntryType]again{
		EntryCommand:   commandAgain,
		EntryBatchHead: batchAgain, EntryConfig: configAgain, EntryKeyOp: keyOpAgain,
		EntryMode: modeAgain,
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := entryAgain(b)
		if err != nil {
			return
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x is read as %x", b, again)
		}
		e := NewDecoder(b).Entry()
		if parse := payloads[e.Type]; parse != nil {
			if again, err := parse(e.Payload); err == nil && !bytes.Equal(again, e.Payload) {
				t.Fatalf("payload %x is read as %x", e.Payload, again)
			}
		}
	})
}

// FuzzCertificate decodes certificates and judges them. Whatever is made of the samples, it must
// not be believed unless it says what they say.
func FuzzCertificate(f *testing.F) {
	s := newScene(f, 4)
	f.Add(AppendCertificate(nil, s.certificate(Commit, 5)))
	f.Add(AppendCertificate(nil, s.certificate(Prepare, 8)))
	f.Add(AppendCertificate(nil, s.detached(Commit, 5, 6)))
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := certificateAgain(b)
		if err != nil {
			return
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x is read as %x", b, again)
		}
		c := NewDecoder(b).Certificate()
		if c.Verify(&s.configs[0], s.rings[0], s) == nil && s.hashes[c.Pos.Index] != c.Pos.Hash {
			t.Fatalf("a certificate for %s, which is not in the log, was believed", c.Pos)
		}
	})
}

// FuzzParts decodes what stands inside other formats.
func FuzzParts(f *testing.F) {
	parts := []struct {
		name  string
		again again
	}{
		{"link", linkAgain},
		{"key record", keyRecordAgain},
		{"membership", membershipAgain},
		{"signed vote", voteAgain},
	}
	for _, sample := range formats(f) {
		for i, p := range parts {
			if sample.name == p.name {
				f.Add(byte(i), sample.sample)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		p := parts[int(which)%len(parts)]
		if again, err := p.again(b); err == nil && !bytes.Equal(again, b) {
			t.Fatalf("%s: %x is read as %x", p.name, b, again)
		}
	})
}

var amountSpelling = regexp.MustCompile(`^[+-]?[0-9]{1,155}([.%][0-9]{1,155})?$`)

// FuzzParseAmount compares with spelledRat.
func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{
		"3", "-3", "12.50", "1%3", "-10%1", "1%0", "+7", "007.70", "0.000",
		"9223372036854775808", "-9223372036854775808%2", "", "-", ".5", "5.", "1%-3", "1e5",
		"0x10", "1_000", "１", strings.Repeat("9", 155), "0." + strings.Repeat("3", 155),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAmount(s)
		if !amountSpelling.MatchString(s) {
			if err == nil {
				t.Fatalf("%q is read as %s", s, a)
			}
			return
		}
		want := spelledRat(s)
		switch {
		case want == nil:
			if !errors.Is(err, ErrDivideByZero) {
				t.Fatalf("%q: error %v, want ErrDivideByZero", s, err)
			}
		case tooLarge(want):
			if !errors.Is(err, ErrAmountRange) {
				t.Fatalf("%q: error %v, want ErrAmountRange", s, err)
			}
		case err != nil:
			t.Fatalf("%q: %v", s, err)
		case a.Rat().Cmp(want) != 0:
			t.Fatalf("%q is read as %s, want %s", s, a, want)
		default:
			checkAmountText(t, a)
		}
	})
}

// spelledRat reads a well-formed spelling; nil for the denominator zero. (big.Rat's own reader
// takes digits after a leading zero for octal in fractions.)
func spelledRat(s string) *big.Rat {
	whole, rest, _ := strings.Cut(strings.Replace(s, ".", "%", 1), "%")
	num, _ := new(big.Int).SetString(whole, 10)
	den := big.NewInt(1)
	switch {
	case strings.Contains(s, "%"):
		den.SetString(rest, 10)
	case rest != "":
		num.SetString(whole+rest, 10)
		den.Exp(big.NewInt(10), big.NewInt(int64(len(rest))), nil)
	}
	if den.Sign() == 0 {
		return nil
	}
	return new(big.Rat).SetFrac(num, den)
}

// fatal is what tests of all kinds have in common.
type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

// checkAmountText wants text and bytes to bring back the same amount.
func checkAmountText(t fatal, a Amount) {
	t.Helper()
	for _, s := range []string{a.String(), a.Ratio()} {
		if again, err := ParseAmount(s); err != nil || !again.Equal(a) {
			t.Fatalf("%s is printed as %q and read as %s, %v", a.Rat(), s, again, err)
		}
	}
	d := NewDecoder(AppendAmount(nil, a))
	if again := d.Amount(); d.Done() != nil || !again.Equal(a) || again.Cmp(a) != 0 {
		t.Fatalf("%s comes back as %s, %v", a, again, d.Err())
	}
}
