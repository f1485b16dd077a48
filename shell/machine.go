package shell

import (
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"juno"
)

// jsonPrinter prints one array of objects, an object per line. The array is closed only when
// the answer is whole: one that failed half-way is no JSON, so nobody takes it for all of it.
type jsonPrinter struct {
	w     io.Writer
	names []string // as JSON texts, unique
	count int
	line  []byte
}

func (j *jsonPrinter) begin(columns []juno.Column) error {
	j.names = nil
	names := make([]string, len(columns))
	taken := make(map[string]bool)
	for i, c := range columns {
		names[i] = string([]rune(c.Name)) // bytes that are no UTF-8 are one character in JSON
		taken[names[i]] = true
	}
	seen := make(map[string]bool)
	for _, first := range names {
		name := first
		// Of two equal keys a reader would keep one: the second a becomes a_2.
		for n := 2; seen[name]; n++ {
			if next := first + "_" + strconv.Itoa(n); !taken[next] {
				name = next
			}
		}
		seen[name] = true
		j.names = append(j.names, string(appendJSON(nil, name)))
	}
	_, err := io.WriteString(j.w, "[")
	return err
}

func (j *jsonPrinter) row(values []juno.Value) error {
	j.line = j.line[:0]
	if j.count > 0 {
		j.line = append(j.line, ",\n "...)
	}
	j.count++
	j.line = append(j.line, '{')
	for i, v := range values {
		if i > 0 {
			j.line = append(j.line, ',')
		}
		j.line = append(j.line, j.names[i]...)
		j.line = appendJSONValue(append(j.line, ':'), v)
	}
	_, err := j.w.Write(append(j.line, '}'))
	return err
}

func (j *jsonPrinter) end() error {
	_, err := io.WriteString(j.w, "]\n")
	return err
}

// appendJSONValue appends a value: an integer or float as a number, an exact amount as a string
// of its digits (a reader's float would change it), a blob as hexadecimal digits.
func appendJSONValue(b []byte, v juno.Value) []byte {
	switch v.Kind {
	case juno.Null:
		return append(b, "null"...)
	case juno.Integer:
		return strconv.AppendInt(b, v.Integer, 10)
	case juno.Float:
		if math.IsInf(v.Float, 0) || math.IsNaN(v.Float) {
			return fmt.Appendf(b, "%q", floatText(v.Float))
		}
		return append(b, floatText(v.Float)...)
	case juno.Blob:
		return append(hex.AppendEncode(append(b, '"'), v.Blob), '"')
	}
	return appendJSON(b, v.Text)
}

// appendJSON appends a JSON string. Bytes that are no UTF-8 become U+FFFD, as RFC 8259 §8.1 has
// no place for them; whatever is unsafe on a terminal is escaped, which changes no value.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"', r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case unsafe(r) && r > 0xffff:
			high, low := surrogates(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		case unsafe(r):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
		i += size
	}
	return append(b, '"')
}

// surrogates splits a character beyond the first plane as JSON wants it escaped.
func surrogates(r rune) (high, low rune) {
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}

// markdownPrinter prints a GitHub-flavoured table. Columns of numbers are aligned right, which is
// known only from the first row on; bars and line ends in values are escaped.
type markdownPrinter struct {
	w       io.Writer
	columns []juno.Column
	headed  bool
}

func (m *markdownPrinter) begin(columns []juno.Column) error {
	m.columns = append(m.columns, columns...)
	return nil
}

func (m *markdownPrinter) row(values []juno.Value) error {
	if err := m.head(values); err != nil {
		return err
	}
	var b strings.Builder
	for _, v := range values {
		text := cellText(v)
		if v.Kind == juno.Text {
			text = markdownText(v.Text)
		}
		b.WriteString("| " + text + " ")
	}
	_, err := io.WriteString(m.w, b.String()+"|\n")
	return err
}

func (m *markdownPrinter) end() error { return m.head(nil) }

// head prints the header once. Where a column does not tell its kind, the first row does.
func (m *markdownPrinter) head(first []juno.Value) error {
	if m.headed {
		return nil
	}
	m.headed = true
	var names, rule strings.Builder
	for i, c := range m.columns {
		kind := c.Kind
		if kind == juno.Null && first != nil {
			kind = first[i].Kind
		}
		names.WriteString("| " + markdownText(c.Name) + " ")
		if numeric(kind) {
			rule.WriteString("| ---: ")
		} else {
			rule.WriteString("| --- ")
		}
	}
	_, err := io.WriteString(m.w, names.String()+"|\n"+rule.String()+"|\n")
	return err
}

var markdownEscapes = strings.NewReplacer(
	"|", `\|`, "\n", "<br>", "<", "&lt;", "&", "&amp;", "`", "\\`", "*", `\*`,
	`\`, `\\`, "[", `\[`)

// markdownText escapes what Markdown would read as markup.
func markdownText(s string) string {
	return markdownEscapes.Replace(cleanLines(strings.ReplaceAll(s, "\r\n", "\n")))
}
