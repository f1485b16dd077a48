package db

import (
	"encoding/hex"
	"testing"

	"juno"
	"juno/db/state"
)

// TestGoldenBytes holds the format of the store: these bytes are on disks.
func TestGoldenBytes(t *testing.T) {
	point := Point{
		Pos:  juno.Pos{Index: 0x0102, Hash: juno.Hash{0xaa}},
		Time: 0x0304, StateHash: juno.Hash{0xbb},
	}
	zeros := "00000000000000000000000000000000000000000000000000000000000000"
	block := make([]juno.Millis, timeBlock)
	for i := range block {
		block[i] = 1000 + juno.Millis(i/128*300)
	}
	times := appendTimes(nil, block)
	cases := map[string]struct {
		got  []byte
		want string
	}{
		"result key":  {appendResultKey(nil, 0x0102), "520000000000000102"},
		"time key":    {appendTimeKey(nil, 0x0102), "540000000000000102"},
		"request key": {appendRequestKey(nil, "al", 0x0102), "51616c000000000000000102"},
		"bucket key": {
			appendBucketKey(nil, []byte("bA\x00XXX"), 0x0102), "426241005858580000000102",
		},
		"sync point": {
			appendPoint(nil, &point), "010000000000000102aa" + zeros + "0000000000000304bb" + zeros,
		},
		"first times":  {times[:4], "e8070000"},
		"middle times": {times[128:132], "00ac0200"},
	}
	for name, c := range cases {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s is %s, want %s", name, got, c.want)
		}
	}
	if got, err := parsePoint(appendPoint(nil, &point)); err != nil || got != point {
		t.Errorf("parsed %+v, %v, want %+v", got, err, point)
	}
	if n := len(times); n != 2+1+254+1 {
		t.Errorf("a block of times takes %d bytes", n)
	}
	if got, want := version(7), uint64(8); got != want || indexOf(got) != 7 {
		t.Errorf("version of entry 7 is %d, want %d", got, want)
	}
}

// TestBucketsOfChanges holds which key a change of a balance lies under.
func TestBucketsOfChanges(t *testing.T) {
	key := state.AppendBalanceKey(nil, "A", "XXX")
	for change, own := range map[uint64]bool{
		1: true, 2: true, 1024: true, 1025: true, 1026: false, 2048: false, 2049: true, 2050: false,
	} {
		value := state.AppendBalance(nil, state.Balance{Changes: change})
		r := elementRecord(key, value, 5)
		if got := string(r.key) == string(key); got != own || r.version != 6 {
			t.Errorf("change %d lies under %q at version %d", change, r.key, r.version)
		}
	}
}

// checkAnyRun holds that whatever parses as a run prints as the same bytes, and that both ways of
// reading it agree.
func checkAnyRun(t *testing.T, b []byte) {
	const first = 7
	all, err := parseRun(nil, b, first)
	if err != nil {
		if isRun(b) {
			_, _ = latestInRun(b, first, first) // it says no, or finds something; it does not panic
		}
		return
	}
	printed, before := []byte{runTag}, juno.Index(first)
	for _, c := range all {
		printed = appendRunChange(printed, c.index-before, c.value)
		before = c.index
		latest, err := latestInRun(b, first, c.index)
		if err != nil || latest.index != c.index || string(latest.value) != string(c.value) {
			t.Errorf("run %x at %d: %v, %v", b, c.index, latest, err)
		}
	}
	if string(printed) != string(b) {
		t.Errorf("run %x parses and prints differently", b)
	}
}

func FuzzStoreValues(f *testing.F) {
	f.Add(appendPoint(nil, &Point{Time: 7}))
	f.Add(appendTimes(nil, make([]juno.Millis, timeBlock)))
	f.Add(state.AppendBalance(nil, state.Balance{Amount: juno.NewAmount(-5), Changes: 1 << 40}))
	f.Add([]byte("\x80\x00\x04\x01\x00\x01\x05\x01\x04\x81\x00\x02\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkAnyRun(t, b)
		if p, err := parsePoint(b); err == nil && string(appendPoint(nil, &p)) != string(b) {
			t.Errorf("sync point %x parses and prints differently", b)
		}
		if block, err := parseTimes(b); err == nil && string(appendTimes(nil, block)) != string(b) {
			t.Errorf("times %x parse and print differently", b)
		}
		if v, err := state.ParseBalance(b); err == nil && changesOf(b) != v.Changes {
			t.Errorf("balance %x has %d changes, not %d", b, v.Changes, changesOf(b))
		}
		changesOf(b) // never panics
		parseTransferID(string(b))
	})
}
