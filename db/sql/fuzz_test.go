package sql

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"juno"
)

// seeds returns all statements of testdata/sql.
func seeds(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/sql/*")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	var all []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(b), "\n\n") {
			text, _, _ := strings.Cut(block, "\n----")
			head, text, ok := strings.Cut(text, "\n")
			for ; ok && strings.HasPrefix(head, "#"); head, text, ok = strings.Cut(text, "\n") {
			}
			if strings.HasPrefix(head, "query") {
				_, text = cutArgs(text)
				for _, s := range Split(text) {
					all = append(all, s.Text)
				}
			}
		}
	}
	return all
}

// literals returns the strings, blobs and quoted names of a text, in order.
func literals(text string) []string {
	var all []string
	l := lexer{text: text}
	for {
		t := l.next()
		switch t.kind {
		case tokenEnd:
			return all
		case tokenString, tokenBlob, tokenQuoted:
			all = append(all, text[t.start:t.end])
		}
	}
}

// comments returns what stands between the tokens of a text, in order, without the space.
func comments(text string) []string {
	var all []string
	l := lexer{text: text}
	last := 0
	for {
		t := l.next()
		if gap := strings.TrimSpace(text[last:t.start]); gap != "" {
			all = append(all, strings.Join(strings.Fields(gap), " "))
		}
		last = t.end
		if t.kind == tokenEnd {
			return all
		}
	}
}

// contains reports whether part can be found in all in order.
func contains(all, part []string) bool {
	for _, p := range part {
		i := slices.Index(all, p)
		if i < 0 {
			return false
		}
		all = all[i+1:]
	}
	return true
}

// anyShape returns arguments for the parameters of a text, of kinds that depend on it.
func anyShape(text string) []argShape {
	names, positions, err := Parameters(text)
	if err != nil || positions > juno.ArgsMax {
		return nil
	}
	shape := make([]argShape, len(names)+positions)
	for i := range shape {
		if i < len(names) {
			shape[i].name = names[i]
		}
		shape[i].kind = juno.ValueKind((len(text) + i) % (int(juno.Instant) + 1))
	}
	return shape
}

// FuzzRewrite: rewriting never panics, keeps every comment and every string that is no time and no
// amount, and what it makes is a statement that the parser takes again. Errors lie in the text.
func FuzzRewrite(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	l := newLedger()
	l.transfer("bank A 1")
	e := l.engine(f, Options{RowsMax: 10})
	f.Fuzz(func(t *testing.T, text string) {
		p, err := makePlan(text, anyShape(text))
		var q *juno.QueryError
		if errors.As(err, &q) && (q.Offset < -1 || q.Offset > len(text)) {
			t.Fatalf("offset %d of %d: %v", q.Offset, len(text), err)
		}
		if err != nil {
			return
		}
		if _, err := parseStatement(p.text); err != nil && len(p.text) < statementBytesMax {
			if !strings.Contains(err.Error(), "deep") {
				t.Fatalf("%q\nbecame %q:\n%v", text, p.text, err)
			}
		}
		if !contains(comments(p.text), comments(text)) {
			t.Fatalf("%q\nlost a comment in %q", text, p.text)
		}
		var kept []string
		for _, s := range literals(text) {
			_, time := parseInstant(unquote(s))
			if _, err := parseExact(unquote(s)); err != nil && !time {
				kept = append(kept, s)
			}
		}
		if !contains(literals(p.text), kept) {
			t.Fatalf("%q\nlost a literal in %q", text, p.text)
		}
		for i := range len(p.text) + 1 {
			if at := p.back.original(i); at < 0 || at > len(text) {
				t.Fatalf("%q: offset %d of %q leads to %d", text, i, p.text, at)
			}
		}
		c, err := e.take()
		if err != nil {
			t.Fatal(err)
		}
		if prepared, offset, err := c.prepare(p.text); err == nil {
			if prepared.columns != len(p.columns) {
				t.Fatalf("%q: %d columns, the rewriter saw %d", text, prepared.columns,
					len(p.columns))
			}
		} else if at := p.back.original(offset); at > len(text) {
			t.Fatalf("%q: %v at %d", text, err, at)
		} else if strings.Contains(err.Error(), "prohibited") ||
			strings.Contains(err.Error(), "authorized") {
			t.Fatalf("%q got as far as the authorizer: %v", text, err)
		}
		e.mu.Lock()
		e.idle = append(e.idle, c)
		e.mu.Unlock()
	})
}

// FuzzSplit: the statements of a text, put together again, are the text without what is between
// them; and each of them is one statement.
func FuzzSplit(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s + ";" + s)
	}
	for _, s := range []string{"", ";", "'", "SELECT ';' -- ;\n; /* ; */ 2;", "a; /* b", "x'0;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for i, s := range Split(text) {
			if s.Offset < end || s.Text != text[s.Offset:s.Offset+len(s.Text)] || s.Text == "" {
				t.Fatalf("%q: statement %d is %q at %d", text, i, s.Text, s.Offset)
			}
			between := lexer{text: text[end:s.Offset]}
			for tok := between.next(); tok.kind != tokenEnd; tok = between.next() {
				if got := between.text[tok.start:tok.end]; got != ";" {
					t.Fatalf("%q: %q fell out between statements", text, got)
				}
			}
			end = s.Offset + len(s.Text)
			if again := Split(s.Text); len(again) != 1 || again[0].Text != s.Text {
				t.Fatalf("%q splits again into %v", s.Text, again)
			}
		}
	})
}

// TestSplit shows what the shell relies on.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		text     string
		want     []string
		complete bool
	}{
		{"", nil, false},
		{" ; ;", nil, false},
		{"SELECT 1", []string{"SELECT 1"}, false},
		{"SELECT 1;", []string{"SELECT 1"}, true},
		{"SELECT ';' ; SELECT \";\";", []string{"SELECT ';'", `SELECT ";"`}, true},
		{"SELECT 1 -- ;\n + 1;", []string{"SELECT 1 -- ;\n + 1"}, true},
		{"SELECT /* ; */ 1; -- done", []string{"SELECT /* ; */ 1"}, true},
		{"SELECT 'it''s;", []string{"SELECT 'it''s;"}, false},
		{"SELECT 1 /* not", []string{"SELECT 1 /* not"}, false},
		{"SELECT 1; /* not", []string{"SELECT 1", "/* not"}, false},
	} {
		var got []string
		complete := false
		for _, s := range Split(c.text) {
			got, complete = append(got, s.Text), s.Complete
		}
		if !slices.Equal(got, c.want) || complete != c.complete {
			t.Errorf("%q: got %q complete %v, want %q %v", c.text, got, complete, c.want,
				c.complete)
		}
	}
}
