package juno

// Query is one read-only SQL statement and the limits it runs under.
// Text is a single statement, without the closing semicolon; `AS OF` is part of the text.
type Query struct {
	Text string
	// Args are the values of the parameters in the text, see Arg.
	Args []Arg
	// RowsMax stops the statement with an error after that many rows; 0 means the server's limit.
	RowsMax int
	// At is the index that the statement is read at, as if it were the newest; 0: the newest. An
	// `AS OF` of its own goes before it.
	At Index
}

// Column names one column of an answer. Kind is known before the first row; it is Null where the
// cells are of different kinds, or nothing tells: JSON, or a column of nothing but NULL. A cell is
// NULL or of Kind.Cells(); in a column of Float it may be an Integer, too.
type Column struct {
	Name string
	Kind ValueKind
}

// Head is the newest entry that an answer saw: everything at or before it, nothing after it.
type Head struct {
	Pos
	Time Millis // commit time of that entry, milliseconds since 1970
}

// Rows is an answer that is read row by row. It is not safe for concurrent use.
type Rows interface {
	// Columns returns the shape of the answer; the caller must not change it.
	Columns() []Column
	// Next returns the next row, or false at the end or on an error; then Err says which.
	// The row is the caller's until the next call.
	Next() ([]Value, bool)
	// Err returns what ended the answer early: a *QueryError, a context error, a limit.
	Err() error
	// Head returns the position of the log that the whole statement was read at.
	Head() Head
	// Close releases the statement. It may be called twice, and after an error.
	Close() error
}

// QueryError is a statement that was refused, with the place for a caret.
type QueryError struct {
	Message string
	Offset  int    // byte offset into Query.Text, -1 where there is no single place
	Hint    string // what the user can write instead; may be empty
}

// Error returns the message, and the hint behind it.
func (e *QueryError) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}
