package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"juno/internal/vfs"
)

// Settings are what an operator can tune on one node. They never change what the ledger holds.
type Settings struct {
	// SnapshotsKept is how many snapshots stay on disk; older ones are removed after a new one.
	SnapshotsKept int
	// QueryTime is how long one SQL statement may run.
	QueryTime time.Duration
	// QueryRowsMax is how many rows one SQL statement may return.
	QueryRowsMax int
	// CacheBytes is the memory for accounts that were read lately.
	CacheBytes int64
	// LogDropped lets the node drop entries that a certified snapshot has made needless. Then it
	// cannot prove them any more, nor show them to a query.
	LogDropped bool
}

// DefaultSettings is what a file without a line means.
func DefaultSettings() Settings {
	return Settings{
		SnapshotsKept: 3,
		QueryTime:     5 * time.Minute,
		QueryRowsMax:  50_000_000,
		CacheBytes:    64 << 20,
	}
}

// settingsText is the file that Create writes: every setting at its default, commented out.
const settingsText = `# Settings of this Juno node: lines "name = value".
# A line that begins with # does nothing.
# JUNO_SNAPSHOTS_KEPT and so on in the environment override the file, flags override both.

# How many snapshots stay on disk.
# snapshots_kept = 3

# How long one SQL statement may run.
# query_time = 5m

# How many rows one SQL statement may return.
# query_rows_max = 50000000

# Memory for accounts that were read lately, in bytes.
# cache_bytes = 67108864

# all: keep the whole log. certified: drop what lies before the last but one snapshot that a quorum
# has signed. What is dropped cannot be audited here any more.
# log_kept = all
`

const settingsBytesMax = 64 << 10

// Settings returns the defaults, changed by the settings file, and that by the environment, which
// lookup reads ("JUNO_CACHE_BYTES"). A file that is absent changes nothing.
func (d *Directory) Settings(lookup func(string) (string, bool)) (Settings, error) {
	s := DefaultSettings()
	file := filepath.Join(d.Path, settingsName)
	b, err := vfs.ReadFile(d.fsys, file, settingsBytesMax)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("read settings: %w", err)
	}
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return s, fmt.Errorf("%s:%d: want name = value, got %.80q", file, i+1, line)
		}
		if err := s.set(strings.TrimSpace(name), strings.TrimSpace(value)); err != nil {
			return s, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
	}
	for _, name := range settingNames {
		if value, ok := lookup("JUNO_" + strings.ToUpper(name)); ok {
			if err := s.set(name, value); err != nil {
				return s, fmt.Errorf("environment JUNO_%s: %w", strings.ToUpper(name), err)
			}
		}
	}
	return s, nil
}

var settingNames = []string{
	"snapshots_kept",
	"query_time",
	"query_rows_max",
	"cache_bytes",
	"log_kept",
}

func (s *Settings) set(name, value string) (err error) {
	switch name {
	case "snapshots_kept":
		s.SnapshotsKept, err = number(value, 1, 1000)
	case "query_time":
		s.QueryTime, err = time.ParseDuration(value)
		if err == nil && s.QueryTime <= 0 {
			err = errors.New("want a duration above zero")
		}
	case "query_rows_max":
		s.QueryRowsMax, err = number(value, 1, 1<<40)
	case "cache_bytes":
		var n int
		n, err = number(value, 1<<20, 1<<40)
		s.CacheBytes = int64(n)
	case "log_kept":
		s.LogDropped = value == "certified"
		if !s.LogDropped && value != "all" {
			err = errors.New("want all or certified")
		}
	default:
		return fmt.Errorf("no setting %.80q; there are: %s", name, strings.Join(settingNames, ", "))
	}
	if err != nil {
		return fmt.Errorf("%s = %.80q: %w", name, value, err)
	}
	return nil
}

func number(s string, least, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("want a whole number from %d to %d", least, most)
	}
	return n, nil
}
