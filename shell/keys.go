package shell

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// The line editor gets some keys as characters of the private use area: it has no key of its own
// for them, or a wrong one. The listener (line.go) takes them out of the line again.
const (
	// markNewline is a line end inside the edited line, from a paste, from Alt-Enter or from the
	// history. The painter shows it as ↵; it becomes a line feed when the line is entered.
	markNewline = '\ue00a'
	markPaste   = '\ue00b' // a paste is waiting in keys.pastes
	markDelete  = '\ue00c' // the Delete key: readline would take it for Ctrl-D and quit
	markClear   = '\ue00d' // Ctrl-L
)

// Bytes that mean something below.
const (
	keyEsc     = 0x1b
	keyCtrlA   = 0x01
	keyCtrlE   = 0x05
	keyCtrlL   = 0x0c
	keyCtrlZ   = 0x1a
	keyRubout  = 0x7f
	keysPlain  = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0d\x0e\x10\x12\x13\x15\x17\x19\x7f"
	pasteBegin = "200~"
	pasteEnd   = "\x1b[201~"
)

// Limits of what a terminal may send.
const (
	// pasteBytesMax bounds a paste; it is the longest statement (statementBytesMax).
	pasteBytesMax = statementBytesMax
	// sequenceBytesMax bounds an escape sequence; the longest that means something has 7.
	sequenceBytesMax = 32
	// readBytes is how much is read from the terminal at once.
	readBytes = 4096
)

// keys stands between the terminal and the line editor, which knows fewer keys than terminals
// have: it ignores Home and End where they come as ESC [ 1 ~, runs a paste line by line, quits
// at Ctrl-Space and at Delete on an empty line, crashes at Ctrl-T, and stops its parent process at
// Ctrl-Z. keys passes on what the editor does well, translates what it does not know, and drops
// the rest.
//
// Read is called by one goroutine; Close and Paste by any.
type keys struct {
	in      io.Reader
	suspend func() // at Ctrl-Z; returns when the process goes on

	ask   chan struct{}
	chunk chan []byte
	done  chan struct{}
	once  sync.Once

	out    []byte // translated, not yet taken
	rest   []byte // read, not yet translated
	paused bool   // Ctrl-Z comes between out and rest
	state  func(*keys, byte)
	seq    []byte // of the escape sequence, without ESC [
	paste  []byte
	long   bool // the paste was too long; paste holds its end only

	mutex  sync.Mutex
	pastes []string
}

// newKeys starts reading in as soon as the first Read asks for it, never ahead: what is typed
// while an editor or pager has the terminal is theirs.
func newKeys(in io.Reader, suspend func()) *keys {
	k := &keys{
		in: in, suspend: suspend, state: (*keys).ground,
		ask: make(chan struct{}), chunk: make(chan []byte), done: make(chan struct{}),
	}
	go k.pump()
	return k
}

// pump reads when it is asked. It outlives Close by one read of the terminal, which nothing can
// interrupt.
func (k *keys) pump() {
	for {
		select {
		case <-k.ask:
		case <-k.done:
			return
		}
		b := make([]byte, readBytes)
		n, err := k.in.Read(b)
		if err != nil {
			b = nil // whatever the error is, there is no more to come
		} else {
			b = b[:n]
		}
		select {
		case k.chunk <- b:
		case <-k.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// Read returns translated bytes, io.EOF at the end of the input and after Close.
func (k *keys) Read(p []byte) (int, error) {
	for len(k.out) == 0 {
		if k.paused {
			k.paused = false
			k.suspend()
		}
		if len(k.rest) == 0 && !k.fill() {
			return 0, io.EOF
		}
		for len(k.rest) > 0 && !k.paused {
			k.state(k, k.rest[0])
			k.rest = k.rest[1:]
		}
	}
	n := copy(p, k.out)
	k.out = k.out[n:]
	return n, nil
}

// fill waits for the terminal; it returns false at the end of the input and after Close.
func (k *keys) fill() bool {
	select {
	case k.ask <- struct{}{}:
	case <-k.done:
		return false
	}
	select {
	case k.rest = <-k.chunk:
	case <-k.done:
		return false
	}
	if k.rest == nil {
		_ = k.Close()
	}
	return k.rest != nil
}

// Close ends the input. A Read that waits returns io.EOF.
func (k *keys) Close() error {
	k.once.Do(func() { close(k.done) })
	return nil
}

// Paste takes the oldest paste that was not taken yet.
func (k *keys) Paste() string {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if len(k.pastes) == 0 {
		return ""
	}
	text := k.pastes[0]
	k.pastes = k.pastes[1:]
	return text
}

func (k *keys) emit(b ...byte) { k.out = append(k.out, b...) }
func (k *keys) mark(r rune)    { k.out = utf8.AppendRune(k.out, r) }

// ground takes a byte outside any sequence.
func (k *keys) ground(c byte) {
	switch {
	case c == keyEsc:
		k.state = (*keys).escape
	case c == keyCtrlL:
		k.mark(markClear)
	case c == keyCtrlZ:
		k.paused = true
	case c >= 0x20 && c != keyRubout, strings.IndexByte(keysPlain, c) >= 0:
		k.emit(c)
	}
}

// escape takes the byte after ESC.
func (k *keys) escape(c byte) {
	k.state = (*keys).ground
	switch c {
	case '[':
		k.seq = k.seq[:0]
		k.state = (*keys).control
	case 'O':
		k.state = (*keys).shift
	case 'b', 'f', 'd', keyRubout: // a word back, forward, deleted after, deleted before
		k.emit(keyEsc, c)
	case '\r', '\n':
		k.mark(markNewline)
	case keyEsc:
		k.state = (*keys).escape
	}
}

// shift takes the byte after ESC O, which some terminals send for arrows, Home and End.
func (k *keys) shift(c byte) {
	k.state = (*keys).ground
	if strings.IndexByte("ABCDHF", c) >= 0 {
		k.emit(keyEsc, '[', c)
	}
}

// control takes a byte of a control sequence, ESC [ parameters final (ECMA-48 §5.4).
func (k *keys) control(c byte) {
	k.seq = append(k.seq, c)
	switch {
	case c >= 0x40 && c <= 0x7e:
		k.state = (*keys).ground
		k.sequence(string(k.seq))
	case c < 0x20 || len(k.seq) >= sequenceBytesMax:
		k.state = (*keys).ground
	}
}

// sequence acts on a whole control sequence; one that means nothing here is dropped.
func (k *keys) sequence(s string) {
	switch s {
	case "A", "B", "C", "D", "H", "F":
		k.emit(keyEsc, '[', s[0])
	case "1~", "7~":
		k.emit(keyCtrlA)
	case "4~", "8~":
		k.emit(keyCtrlE)
	case "3~":
		k.mark(markDelete)
	case "3;3~", "3;5~": // Alt-Delete, Ctrl-Delete
		k.emit(keyEsc, 'd')
	case "1;3C", "1;5C", "5C": // with Alt or Ctrl: by words
		k.emit(keyEsc, 'f')
	case "1;3D", "1;5D", "5D":
		k.emit(keyEsc, 'b')
	case pasteBegin:
		k.paste, k.long = k.paste[:0], false
		k.state = (*keys).pasting
	}
}

// pasting takes a byte between the brackets of a paste.
func (k *keys) pasting(c byte) {
	k.paste = append(k.paste, c)
	if c == '~' && bytes.HasSuffix(k.paste, []byte(pasteEnd)) {
		k.state = (*keys).ground
		text := string(k.paste[:len(k.paste)-len(pasteEnd)])
		if k.long || len(text) > pasteBytesMax {
			text = fmt.Sprintf("-- a paste of more than %d bytes was left out", pasteBytesMax)
		}
		k.pasted(text)
		return
	}
	if len(k.paste) > pasteBytesMax+len(pasteEnd) {
		// Half a text is worse than none. The end is kept, where the bracket will be.
		k.long = true
		k.paste = append(k.paste[:0], k.paste[len(k.paste)-len(pasteEnd):]...)
	}
}

// pasted makes a paste ready for the listener. Line ends in the middle become marks, so that
// nothing runs before Enter is pressed; a paste cannot press keys either, so other control
// characters are left out.
func (k *keys) pasted(text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < 0x20 || (r >= 0x7f && r < 0xa0):
			return -1
		}
		return r
	}, strings.TrimRight(text, "\n"))
	if text == "" {
		return
	}
	k.mutex.Lock()
	k.pastes = append(k.pastes, text)
	k.mutex.Unlock()
	k.mark(markPaste)
}
