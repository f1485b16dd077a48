package juno

// Statement is one statement of a longer SQL text.
type Statement struct {
	Text   string // without the semicolon and the space around it
	Offset int    // where Text begins in the whole text, in bytes
	// Complete says that a semicolon ended the statement. The last statement of a text that is
	// still being typed is not complete, and may end inside a string or a comment.
	Complete bool
}

// Schema is what a statement can name.
type Schema struct {
	Tables    []TableInfo
	Functions []FunctionInfo
}

// TableInfo describes a table, or a table-valued function.
type TableInfo struct {
	Name     string
	Doc      string // one line: what a row is
	Usage    string // of a table-valued function: its arguments; empty for a table
	Function bool
	Columns  []ColumnInfo
}

// ColumnInfo describes a column of a table.
type ColumnInfo struct {
	Name string
	Kind ValueKind // Null where rows differ
	Doc  string    // one line; may be empty
}

// FunctionInfo describes a function: "round", "round(x [, y])".
type FunctionInfo struct{ Name, Usage string }
