package sql

import (
	"strconv"
	"strings"

	"juno"

	lite "modernc.org/sqlite/lib"
)

// bind gives the statement its arguments. An error of one names the parameter.
func (a *answer) bind(args []juno.Arg) error {
	for i := range a.plan.slots {
		s := &a.plan.slots[i]
		v, err := s.convert(&args[s.arg].Value)
		if err != nil {
			return err
		}
		if err := a.conn.bindValue(a.stmt, int32(i+1), &v); err != nil {
			return err
		}
	}
	return nil
}

// convert reads a value as the slot wants it.
func (s *slot) convert(v *juno.Value) (juno.Value, error) {
	switch s.to {
	case toExact:
		return s.exact(v)
	case toInstant:
		return s.instant(v)
	}
	if v.Kind == juno.Instant {
		return juno.TextValue(juno.Millis(v.Integer).String()), nil
	}
	return *v, nil
}

func (s *slot) exact(v *juno.Value) (juno.Value, error) {
	if v.Kind != juno.Text {
		return juno.TextValue(strconv.FormatInt(v.Integer, 10)), nil
	}
	a, err := parseExact(v.Text)
	if err != nil {
		return *v, s.refuse("", "'"+clip(v.Text)+"' is not an amount")
	}
	return juno.TextValue(a.String()), nil
}

func (s *slot) instant(v *juno.Value) (juno.Value, error) {
	if v.Kind == juno.Text {
		t, ok := parseInstant(v.Text)
		if !ok {
			return *v, s.refuse(instantHint, "'"+clip(v.Text)+"' is not a time")
		}
		return juno.TextValue(t.String()), nil
	}
	if v.Integer < 0 || v.Integer > millisMax {
		return *v, s.refuse("", strconv.FormatInt(v.Integer, 10)+" is not a time")
	}
	return juno.TextValue(juno.Millis(v.Integer).String()), nil
}

func (s *slot) refuse(hint, problem string) error {
	return &juno.QueryError{
		Message: "parameter " + s.label + ": " + problem, Offset: s.offset, Hint: hint,
	}
}

// clip shortens a text for a message.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// bindValue binds one value, which SQLite copies.
func (c *conn) bindValue(p *prepared, n int32, v *juno.Value) error {
	rc := int32(lite.SQLITE_OK)
	switch v.Kind {
	case juno.Null:
		rc = lite.Xsqlite3_bind_null(c.tls, p.handle, n)
	case juno.Integer, juno.Boolean, juno.LogIndex:
		rc = lite.Xsqlite3_bind_int64(c.tls, p.handle, n, v.Integer)
	case juno.Float:
		rc = lite.Xsqlite3_bind_double(c.tls, p.handle, n, v.Float)
	case juno.Blob:
		// The buffer, because no address would be NULL, and not empty.
		c.out.grow(len(v.Blob))
		rc = lite.Xsqlite3_bind_blob(c.tls, p.handle, n, c.out.word,
			int32(copy(c.out.buf, v.Blob)), transient)
	default:
		c.out.grow(len(v.Text))
		rc = lite.Xsqlite3_bind_text(c.tls, p.handle, n, c.out.word,
			int32(copy(c.out.buf, v.Text)), transient)
	}
	if rc != lite.SQLITE_OK {
		return &liteError{rc & 0xff, c.message()}
	}
	return nil
}
