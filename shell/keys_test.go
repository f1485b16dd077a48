package shell

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// translated returns what the line editor gets of some bytes from the terminal, and the pastes.
func translated(t testing.TB, r io.Reader) (out string, pastes []string) {
	t.Helper()
	k := newKeys(r, func() { out += "<suspend>" })
	b := make([]byte, 7)
	for {
		n, err := k.Read(b)
		out += string(b[:n])
		if err != nil {
			break
		}
	}
	for {
		p := k.Paste()
		if p == "" {
			return out, pastes
		}
		pastes = append(pastes, p)
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"letters", "abc é 山\r", "abc é 山\r"},
		{"editing", "\x01\x05\x15\x17\x7f\x08\x09\x12", "\x01\x05\x15\x17\x7f\x08\x09\x12"},
		{"Ctrl-C, Ctrl-D", "\x03\x04", "\x03\x04"},
		{"NUL, Ctrl-T and others", "a\x00\x14\x0f\x11\x16\x18\x1c\x1fb", "ab"},
		{"arrows", "\x1b[A\x1b[B\x1b[C\x1b[D", "\x1b[A\x1b[B\x1b[C\x1b[D"},
		{"arrows of a keypad", "\x1bOA\x1bOD", "\x1b[A\x1b[D"},
		{"Home, End", "\x1b[H\x1b[F\x1bOH\x1bOF", "\x1b[H\x1b[F\x1b[H\x1b[F"},
		{"Home, End of a VT220", "\x1b[1~\x1b[4~\x1b[7~\x1b[8~", "\x01\x05\x01\x05"},
		{"Delete", "\x1b[3~", "\ue00c"},
		{"words with Ctrl or Alt", "\x1b[1;5C\x1b[1;5D\x1b[1;3C", "\x1bf\x1bb\x1bf"},
		{"words of old", "\x1bb\x1bf\x1bd\x1b\x7f", "\x1bb\x1bf\x1bd\x1b\x7f"},
		{"Ctrl-L", "\x0c", "\ue00d"},
		{"Ctrl-Z", "a\x1ab", "a<suspend>b"},
		{"Alt-Enter", "\x1b\r", "\ue00a"},
		{"function keys", "\x1b[15~\x1bOP\x1b[2~\x1b[5~\x1b[1;2P", ""},
		{"position, mouse", "\x1b[12;40R\x1b[<0;10;5M\x1b[?1;2c", ""},
		{"Alt and a letter", "\x1bxa", "a"},
		{"escape twice", "\x1b\x1b[A", "\x1b[A"},
		{"sequence that does not end", "\x1b[" + strings.Repeat("1", 40) + "a", "11111111a"},
		{"sequence cut by a control", "\x1b[1\rb", "b"},
	} {
		for _, slow := range []bool{false, true} {
			var r io.Reader = strings.NewReader(c.in)
			if slow {
				r = iotest.OneByteReader(r)
			}
			if got, _ := translated(t, r); got != c.want {
				t.Errorf("%s: %+q, want %+q", c.name, got, c.want)
			}
		}
	}
}

func TestPaste(t *testing.T) {
	const begin, end = "\x1b[200~", "\x1b[201~"
	long := strings.Repeat("x", pasteBytesMax+1)
	for _, c := range []struct{ name, in, want string }{
		{"line ends", "a\r\nb\rc\nd", "a\nb\nc\nd"},
		{"at the end", "a\n\r\n", "a"},
		{"controls", "a\x1b[31m\x03\x04\x1a\tb\u009bc", "a[31m\tbc"},
		{"brackets within", "a\x1b[200~b", "a[200~b"},
		{"nothing", "\n", ""},
	} {
		in := strings.NewReader("<" + begin + c.in + end + ">")
		out, pastes := translated(t, iotest.OneByteReader(in))
		if got := strings.Join(pastes, "|"); got != c.want {
			t.Errorf("%s: paste %q, want %q", c.name, got, c.want)
		}
		wantOut := "<\ue00b>"
		if c.want == "" {
			wantOut = "<>"
		}
		if out != wantOut {
			t.Errorf("%s: keys %+q, want %+q", c.name, out, wantOut)
		}
	}
	for _, long := range []string{long, long + long} {
		_, pastes := translated(t, strings.NewReader(begin+long+end+begin+"a"+end))
		want := "-- a paste of more than 1048576 bytes was left out|a"
		if got := strings.Join(pastes, "|"); got != want {
			t.Errorf("a paste of %d bytes: %.100q, want %q", len(long), got, want)
		}
	}
}

// FuzzKeys: whatever a terminal sends, the editor gets only what it does not crash or quit at.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[1~abc\x1b[200~x\ny\x1b[201~\r"))
	f.Add([]byte("\x00\x14\x1b[3~\x1bO"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, pastes := translated(t, strings.NewReader(string(in)))
		out = strings.ReplaceAll(out, "<suspend>", "")
		for i := 0; i < len(out); i++ {
			if c := out[i]; c < 0x20 && c != keyEsc && strings.IndexByte(keysPlain, c) < 0 {
				t.Fatalf("%q lets %#x through: %q", in, c, out)
			}
		}
		for _, p := range pastes {
			control := func(r rune) bool { return r < 0x20 && r != '\n' && r != '\t' }
			if strings.ContainsFunc(p, control) {
				t.Fatalf("paste %q holds a control character", p)
			}
			if utf8.ValidString(string(in)) && !utf8.ValidString(p) {
				t.Fatalf("paste %q of %q", p, in)
			}
		}
	})
}
