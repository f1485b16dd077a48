package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Limits of the history.
const (
	// historyEntriesMax is how many entries are kept when the shell starts.
	historyEntriesMax = 2000
	// historyEntryBytesMax is the longest entry that is kept: a pasted file is no command line.
	historyEntryBytesMax = 64 << 10
)

// history is what was entered, in this session and before. The file holds one entry per line,
// the oldest first; a line end inside an entry is written as U+2028. Whoever can read it knows what
// somebody did with his money, so it is made with mode 0600 before the first byte is in it.
//
// Two shells may append to one file; each sees the other's entries when it starts.
type history struct {
	path    string // empty: nothing is kept on disk
	entries []string
}

const lineSeparator = "\u2028"

// openHistory reads the file, and makes it if there is none. The error is for telling; the
// history works without a file.
func openHistory(path string) (*history, error) {
	h := &history{path: path}
	if path == "" {
		return h, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		h.path = ""
		return h, fmt.Errorf("history is not kept: %w", err)
	}
	defer f.Close()
	// A file that another program made for all to see is closed up too.
	if info, err := f.Stat(); err == nil && info.Mode().Perm()&0o077 != 0 {
		if err := f.Chmod(0o600); err != nil {
			h.path = ""
			return h, fmt.Errorf("history is not kept, others could read it: %w", err)
		}
	}
	total, err := h.read(bufio.NewReaderSize(f, historyEntryBytesMax+1))
	if err != nil {
		return h, fmt.Errorf("history %s: %w", path, err)
	}
	if total > 2*historyEntriesMax {
		return h, h.rewrite()
	}
	return h, nil
}

// read takes the last historyEntriesMax entries and returns how many there were. A line that is too
// long is none of ours and skipped.
func (h *history) read(r *bufio.Reader) (total int, err error) {
	for long := false; ; {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = true
			continue
		}
		if text := strings.TrimSuffix(string(line), "\n"); text != "" && !long {
			total++
			h.entries = append(h.entries, strings.ReplaceAll(text, lineSeparator, "\n"))
			h.entries = h.entries[max(0, len(h.entries)-historyEntriesMax):]
		}
		long = false
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// rewrite replaces the file by the entries that are kept. A crash leaves the old file or the new.
func (h *history) rewrite() error {
	var b strings.Builder
	for _, e := range h.entries {
		b.WriteString(encodeEntry(e))
	}
	next := h.path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("history: %w", err)
	}
	if err := os.WriteFile(next, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return os.Rename(next, h.path)
}

func encodeEntry(e string) string { return strings.ReplaceAll(e, "\n", lineSeparator) + "\n" }

// add keeps an entry and reports whether it is new: not empty, not begun with a blank (so that
// one can keep a secret), not the same as the one before.
func (h *history) add(entry string) (bool, error) {
	if entry == "" || entry[0] == ' ' || len(entry) > historyEntryBytesMax {
		return false, nil
	}
	if n := len(h.entries); n > 0 && h.entries[n-1] == entry {
		return false, nil
	}
	h.entries = append(h.entries, entry)
	if h.path == "" {
		return true, nil
	}
	f, err := os.OpenFile(h.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return true, fmt.Errorf("history: %w", err)
	}
	_, err = f.WriteString(encodeEntry(entry)) // one write: entries of two shells do not mix
	return true, errors.Join(err, f.Close())
}
