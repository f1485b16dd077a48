package state

import (
	"bytes"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"juno"
)

func TestWindowBytes(t *testing.T) {
	for _, row := range []struct {
		name string
		use  []juno.RequestID
		want string
	}{
		{"empty", nil, "010000"},
		{"in order", []juno.RequestID{1, 2, 3}, "010300"},
		{"one skipped", []juno.RequestID{1, 3}, "01030102"},        // bit 1: id 2
		{"first skipped", []juno.RequestID{9}, "010902fe01"},       // bits 1 to 8
		{"filled again", []juno.RequestID{9, 1, 8, 2}, "0109017c"}, // bits 2 to 6
		{"order does not matter", []juno.RequestID{2, 8, 1, 9}, "0109017c"},
	} {
		w := Window{}
		for _, id := range row.use {
			if !w.Fits(id) {
				t.Fatalf("%s: %d does not fit", row.name, id)
			}
			w = w.Use(id)
		}
		b := AppendWindow(nil, w)
		if got := hex.EncodeToString(b); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
		back, err := ParseWindow(b)
		if err != nil || !bytes.Equal(AppendWindow(nil, back), b) {
			t.Errorf("%s: read back %+v, %v", row.name, back, err)
		}
	}
}

func TestWindowRefusesOtherBytes(t *testing.T) {
	for _, row := range []struct{ name, bytes string }{
		{"version", "020300"},
		{"highest one skipped", "01030101"},
		{"id 0 skipped", "01030108"},
		{"zero byte at the end", "0120020200"},
		{"too long", "01ffff7f8104" + hex.EncodeToString(make([]byte, 513))},
		{"bytes left", "01030000"},
	} {
		b, err := hex.DecodeString(row.bytes)
		if err != nil {
			t.Fatal(err)
		}
		if w, err := ParseWindow(b); err == nil {
			t.Errorf("%s: taken as %+v", row.name, w)
		}
	}
}

// TestWindowAgainstSet compares a window with a set of all ids that were ever used.
func TestWindowAgainstSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, used, highest := Window{}, map[juno.RequestID]bool{}, juno.RequestID(0)
		steps := rapid.IntRange(1, 200).Draw(t, "steps")
		for range steps {
			var id juno.RequestID
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				id = highest + 1
			case 1:
				id = highest + juno.RequestID(rapid.IntRange(1, 70).Draw(t, "ahead"))
			case 2:
				id = highest + juno.RequestID(rapid.IntRange(1, 10_000).Draw(t, "far ahead"))
			case 3:
				id = max(highest, 5000) - juno.RequestID(rapid.IntRange(0, 5000).Draw(t, "back"))
			}
			old := id == 0 || highest >= id+WindowRequests
			if got, want := w.Old(id), old; got != want {
				t.Fatalf("id %d with highest %d: old %v, want %v", id, highest, got, want)
			}
			if got, want := w.Fits(id), !old && !used[id]; got != want {
				t.Fatalf("id %d with highest %d: fits %v, want %v", id, highest, got, want)
			}
			if !w.Fits(id) {
				continue
			}
			before, kept := w, AppendWindow(nil, w)
			w = w.Use(id)
			used[id], highest = true, max(highest, id)
			if got := AppendWindow(nil, before); !bytes.Equal(got, kept) {
				t.Fatalf("using %d changed the window before it from %x to %x", id, kept, got)
			}
			back, err := ParseWindow(AppendWindow(nil, w))
			if err != nil {
				t.Fatalf("after %d: %v", id, err)
			}
			w = back
			if w.Highest() != highest {
				t.Fatalf("highest %d, want %d", w.Highest(), highest)
			}
		}
	})
}

func TestWindowEnds(t *testing.T) {
	w := Window{}.Use(10_000)
	for _, row := range []struct {
		id        juno.RequestID
		fits, old bool
	}{
		{0, false, true},
		{10_000 - WindowRequests, false, true},
		{10_001 - WindowRequests, true, false},
		{9_999, true, false},
		{10_000, false, false},
		{10_001, true, false},
	} {
		if fits, old := w.Fits(row.id), w.Old(row.id); fits != row.fits || old != row.old {
			t.Errorf("id %d: fits %v, old %v, want %v, %v", row.id, fits, old, row.fits, row.old)
		}
	}
}

func TestWindowStaysSmall(t *testing.T) {
	w := Window{}
	for id := juno.RequestID(1); id < 10_000; id += 2 { // 64 requests at once, in any order
		w = w.Use(id + 1).Use(id)
	}
	if got, want := len(AppendWindow(nil, w)), 4; got != want {
		t.Errorf("window of a client without gaps takes %d bytes, want %d", got, want)
	}
	if got, want := len(AppendWindow(nil, w.Use(1<<40))), 1+6+2+windowBytesMax; got != want {
		t.Errorf("largest window takes %d bytes, want %d", got, want)
	}
}
