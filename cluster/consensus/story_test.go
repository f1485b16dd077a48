package consensus_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"juno"
)

// attacks are the rows of docs/SPECIFICATION.md §1, each with what shows it: a scenario, or a test.
// That what is named here is there, and that nothing else of that name is, TestAttacks checks.
var attacks = map[string][]string{
	"S1":  {"s1_fig8.txt"},
	"S2":  {"s2_overwrite.txt"},
	"S3":  {"s3_term_rollback.txt"},
	"S4":  {"s4_amnesia.txt"},
	"S5":  {"s5_quorum.txt"},
	"B1":  {"TestAttack_B1", "b1_impersonation.txt"},
	"B2":  {"b2_refusals.txt"},
	"B3":  {"b3_duplicate_votes.txt"},
	"B4":  {"b4_forged_log.txt"},
	"B5":  {"b5_equivocation.txt"},
	"B6":  {"b6_replay.txt"},
	"B7":  {"b7_dropped_command.txt"},
	"B8":  {"b8_lying_reply.txt"},
	"B9":  {"TestAttack_B9"},
	"L1":  {"l1_poisoned_votes.txt"},
	"L2":  {"l2_garbage_hash.txt"},
	"L3":  {"l3_censor.txt", "l3_selective.txt"},
	"L4":  {"l4_capture.txt"},
	"L5":  {"l5_runaway.txt"},
	"L6":  {"l6_revolution_spam.txt"},
	"L7":  {"TestAttack_L7"},
	"L8":  {"TestAttack_L8", "l8_window.txt"},
	"L9":  {"l9_leader_alone.txt"},
	"L10": {"l10_disagreement.txt"},
	"L11": {"l11_two_roles.txt"},
}

// TestAttacks holds the list above against the files: nothing of it can be deleted unnoticed.
func TestAttacks(t *testing.T) {
	found := make(map[string][]string)
	scenario := regexp.MustCompile(`^([sbl][0-9]+)_.*\.txt$`)
	for _, path := range scenarioFiles(t) {
		if m := scenario.FindStringSubmatch(filepath.Base(path)); m != nil {
			id := strings.ToUpper(m[1])
			found[id] = append(found[id], filepath.Base(path))
		}
	}
	sources, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	test := regexp.MustCompile(`(?m)^func (TestAttack_([SBL][0-9]+))\(`)
	for _, path := range sources {
		for _, m := range test.FindAllStringSubmatch(read(t, path), -1) {
			found[m[2]] = append(found[m[2]], m[1])
		}
	}
	for id, want := range attacks {
		got := found[id]
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s is shown by %v, want %v", id, got, want)
		}
	}
	for id, got := range found {
		if attacks[id] == nil {
			t.Errorf("%v: docs/SPECIFICATION.md has no attack %s", got, id)
		}
	}
}

// TestScenariosTellTheirStory wants a comment on top of every scenario that names a rule and that
// says enough for somebody who has not seen the protocol.
func TestScenariosTellTheirStory(t *testing.T) {
	rule := regexp.MustCompile(`\b[A-Z]\d+|\bLemma \d`)
	for _, path := range scenarioFiles(t) {
		var story strings.Builder
		for _, line := range strings.Split(read(t, path), "\n") {
			if !strings.HasPrefix(line, "#") {
				break
			}
			story.WriteString(line)
		}
		if !rule.MatchString(story.String()) || len(story.String()) < 80 {
			t.Errorf("%s: begins with %q, want its story with the rules that it shows", path,
				story.String())
		}
		if strings.Contains(read(t, path), "\nerror: ") {
			t.Errorf("%s: holds a mistake: look for \"error:\"", path)
		}
	}
}

func scenarioFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios: %v", len(files), err)
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAttack_L7 counts how often requests are handed to a leader who throws them away. The core
// says so at most once per heartbeat, and only to a leader whose election it has seen. That what
// was forwarded to a node is not forwarded by it, is the host's part.
func TestAttack_L7(t *testing.T) {
	w := newWorld(4, 0, scenarioLimits(), noMutant)
	for _, n := range w.nodes {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
	}
	all := func(packet) bool { return true }
	w.settle(all)
	w.node(1).censors = true
	for _, n := range w.nodes[1:] {
		n.pool.add(juno.Entry{Type: juno.EntryCommand, Payload: []byte("x")})
	}
	const ticks = 50 // less than it takes to complain
	for range ticks {
		for _, n := range w.nodes {
			n.tick()
		}
		w.settle(all)
	}
	most := ticks / int(w.limits.HeartbeatTicks)
	for _, n := range w.nodes {
		if n.forwards > most || (n.forwards == 0) != (n.id == 1) {
			t.Errorf("node %d forwarded %d times in %s, at most %d, and the leader never", n.id,
				n.forwards, ticks*10*time.Millisecond, most)
		}
	}
}

// TestSpecificationNames holds docs/SPECIFICATION.md against the files: every file and every
// scenario that it names is there, and it names what shows each attack.
func TestSpecificationNames(t *testing.T) {
	doc := read(t, filepath.Join("..", "..", "docs", "SPECIFICATION.md"))
	name := regexp.MustCompile("`([a-z]+[.]go|[a-z]+[0-9]+[a-z]?_[a-z0-9_]+|" +
		"(?:vc|raft)_[a-z0-9_]+)`")
	for _, m := range name.FindAllStringSubmatch(doc, -1) {
		path := m[1]
		if !strings.HasSuffix(path, ".go") {
			path = filepath.Join("testdata", path+".txt")
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("docs/SPECIFICATION.md names %s: %v", m[1], err)
		}
	}
	for id, tests := range attacks {
		for _, test := range tests {
			if row := strings.TrimSuffix(test, ".txt"); !strings.Contains(doc, row) {
				t.Errorf("docs/SPECIFICATION.md does not name %s, which shows %s", row, id)
			}
		}
	}
}
