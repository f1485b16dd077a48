package demo

import (
	"bytes"
	"io"
)

// indent is a writer that puts text before every line.
type indent struct {
	w      io.Writer
	text   string
	inLine bool
}

// Write implements io.Writer.
func (i *indent) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		line := rest
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			line = rest[:n+1]
		}
		if !i.inLine && line[0] != '\n' {
			if _, err := io.WriteString(i.w, i.text); err != nil {
				return 0, err
			}
		}
		if _, err := i.w.Write(line); err != nil {
			return 0, err
		}
		i.inLine = line[len(line)-1] != '\n'
		rest = rest[len(line):]
	}
	return len(b), nil
}
