package submit

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"juno"
)

func prototype(string) juno.Language { return juno.LanguageHoplite }

func testKey(n byte) juno.PrivateKey { return juno.NewPrivateKey([juno.SeedBytes]byte{n}) }

// TestEach wants every command once, in order, numbered from the first number on, and signed.
func TestEach(t *testing.T) {
	key, cluster := testKey(1), juno.ClusterID{7}
	long := strings.Repeat("x", 60<<10)
	for _, c := range []struct {
		name  string
		texts []string
		mode  juno.Mode
		first juno.RequestID
		units []int // commands in each unit, batches only
	}{
		{"nothing", nil, juno.Batch, 0, nil},
		{"singles", make([]string, 2*signedAhead+1), juno.Single, 40, nil},
		{"one batch", make([]string, 10), juno.Batch, 40, []int{10}},
		{"full batches", make([]string, 25), juno.Batch, 0, []int{10, 10, 5}},
		{
			"batches of long texts",
			slices.Repeat([]string{long}, 20), juno.Batch, 40,
			[]int{14, 6},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			commands, err := Commands(c.texts, prototype)
			if err != nil {
				t.Fatal(err)
			}
			next, most := juno.RequestID(90), 10
			if c.texts != nil && c.texts[0] == long {
				most = 100
			}
			numbers := func(first juno.RequestID, n int) (juno.RequestID, juno.PrivateKey, error) {
				if first == 0 {
					first = next
				}
				next = first + juno.RequestID(n)
				return first, key, nil
			}
			s := &Submission{
				Cluster: cluster, Commands: commands, Mode: c.mode, First: c.first, BatchMax: most,
			}
			var counts []int
			want, done := c.first, 0
			if want == 0 {
				want = next
			}
			at, err := Each(s, numbers, func(u Unit) Unit { return u }, func(at int, units []Unit) {
				if at != done {
					t.Errorf("a part at %d, want %d", at, done)
				}
				for _, u := range units {
					if u.First != want {
						t.Errorf("number %d, want %d", u.First, want)
					}
					check(t, &u, key, cluster)
					counts = append(counts, u.Count)
					want += juno.RequestID(u.Count)
					done += u.Count
				}
			})
			if err != nil || at != len(c.texts) || done != len(c.texts) {
				t.Errorf("%d of %d launched, ended at %d: %v", done, len(c.texts), at, err)
			}
			if c.mode == juno.Batch && !slices.Equal(counts, c.units) {
				t.Errorf("units of %d commands, want %d", counts, c.units)
			}
		})
	}
}

// check verifies the signature of a unit, and that a batch holds what its head says.
func check(t *testing.T, u *Unit, key juno.PrivateKey, cluster juno.ClusterID) {
	t.Helper()
	ring, err := juno.NewKeyring(cluster, []juno.KeyRecord{{
		ID: key.Public().ID(), Subject: "a", Role: juno.RoleClient, Public: key.Public(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var envelope juno.Envelope
	if u.Type == juno.EntryBatchHead {
		head, err := juno.ParseBatchHead(u.Payload)
		if err == nil {
			err = head.CheckBatch(u.Commands)
		}
		if err != nil || head.FirstRequest != u.First || head.Count != u.Count {
			t.Fatalf("batch from %d: %v", u.First, err)
		}
		envelope = head.Envelope()
	} else {
		c, err := juno.ParseCommand(u.Payload)
		if err != nil || c.Request != u.First || u.Count != 1 {
			t.Fatalf("command %d: %v", u.First, err)
		}
		envelope = c.Envelope()
	}
	if _, err := ring.Open(envelope, 1); err != nil {
		t.Errorf("unit from %d: %v", u.First, err)
	}
}

// TestEachWithoutNumbers wants the place of the first command that was not launched.
func TestEachWithoutNumbers(t *testing.T) {
	commands, err := Commands(make([]string, 25), prototype)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	calls, launched := 0, 0
	at, err := Each(&Submission{Commands: commands, Mode: juno.Batch, First: 1, BatchMax: 10},
		func(first juno.RequestID, _ int) (juno.RequestID, juno.PrivateKey, error) {
			if calls++; calls == 3 {
				return 0, juno.PrivateKey{}, full
			}
			return first, testKey(1), nil
		},
		func(u Unit) Unit { return u },
		func(_ int, units []Unit) { launched += units[0].Count })
	if at != 20 || launched != 20 || !errors.Is(err, full) {
		t.Errorf("ended at %d with %d launched: %v; want 20 and 20: %v", at, launched, err, full)
	}
}

func TestRefusedTexts(t *testing.T) {
	long := strings.Repeat("x", juno.CommandTextBytesMax+1)
	if _, err := Commands([]string{"a", long}, prototype); err == nil ||
		!strings.Contains(err.Error(), "command 2") {
		t.Errorf("a text that is too long: got %v", err)
	}
	for _, n := range []juno.RequestID{0, requestFirstMax + 1} {
		if err := CheckNumber(n); err == nil {
			t.Errorf("request number %d was accepted", n)
		}
	}
	if err := CheckNumber(requestFirstMax); err != nil {
		t.Error(err)
	}
}
