package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"juno"
)

// Code says why a request failed.
type Code uint8

// The codes. The numbers are part of the protocol.
const (
	CodeBusy        Code = 1  // too much is waiting; nothing was taken; try again in a moment
	CodeNoLeader    Code = 2  // nobody leads just now; nothing was taken; try again
	CodeUnknown     Code = 3  // it may or may not be in the log; ask again
	CodeRefused     Code = 4  // bad signature, key or approval: it is not taken, and will not be
	CodeReused      Code = 5  // the request id was used for another command
	CodeTooOld      Code = 6  // the request id has left the client's window
	CodeMissing     Code = 7  // there is no such request, entry or snapshot
	CodeDeadline    Code = 8  // the time that the request had is over
	CodeCanceled    Code = 9  // the client gave the request up
	CodeMalformed   Code = 10 // the frame is none of this protocol
	CodeUnsupported Code = 11 // this node does not do that
	CodeQuery       Code = 12 // the SQL statement is refused: Offset and Hint
	CodeHalted      Code = 13 // administrators have halted the ledger; it can be read
	CodeFailed      Code = 14 // the node could not do it; its text says why
)

var codeTexts = [...]string{
	CodeBusy:        "busy: too much is waiting; try again in a moment",
	CodeNoLeader:    "no leader just now; try again in a moment",
	CodeUnknown:     "outcome unknown: ask again with the same request number",
	CodeRefused:     "refused",
	CodeReused:      "request number was used for another command",
	CodeTooOld:      "request number is too old to be used",
	CodeMissing:     "not there",
	CodeDeadline:    "not done in time",
	CodeCanceled:    "given up",
	CodeMalformed:   "malformed frame",
	CodeUnsupported: "this node does not do that",
	CodeQuery:       "statement refused",
	CodeHalted:      "the ledger is halted; it can be read",
	CodeFailed:      "the node failed",
}

// Valid reports whether this program knows the code.
func (c Code) Valid() bool { return int(c) < len(codeTexts) && codeTexts[c] != "" }

// String returns what the code means, in words.
func (c Code) String() string {
	if c.Valid() {
		return codeTexts[c]
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

// Error is a request that failed, and, as a response, the end of it.
//
// Body: code (1), text (text), offset + 1 (uvarint), hint (text).
type Error struct {
	Code   Code
	Text   string
	Offset int    // byte offset into the statement, for CodeQuery; -1 where there is none
	Hint   string // what the user can write instead; may be empty
}

// Errors that a port may return besides those of the vocabulary, wrapped or not.
var (
	ErrNoLeader    = newError(CodeNoLeader)
	ErrTooOld      = newError(CodeTooOld)
	ErrUnsupported = newError(CodeUnsupported)
	// ErrMalformed is what a node says of a frame that its version of the protocol does not have.
	ErrMalformed = newError(CodeMalformed)
)

func newError(c Code) *Error { return &Error{Code: c, Text: c.String(), Offset: -1} }

// errorCode is an error of a port and its code.
type errorCode struct {
	err  error
	code Code
}

// vocabulary are the errors that a code stands for on both sides. Of several that an error wraps
// the first counts.
var vocabulary = []errorCode{
	{juno.ErrHalted, CodeHalted}, // before ErrUnknown: a client believes only a quorum of these
	{juno.ErrBusy, CodeBusy},
	{juno.ErrUnknown, CodeUnknown},
	{juno.ErrReused, CodeReused},
	{juno.ErrRefused, CodeRefused},
	{juno.ErrMissing, CodeMissing},
}

// reasons are more errors that have a code; the code does not tell which of them it was.
var reasons = []errorCode{
	{context.DeadlineExceeded, CodeDeadline},
	{context.Canceled, CodeCanceled},
	{juno.ErrMalformed, CodeRefused},
	{juno.ErrUnknownKey, CodeRefused},
	{juno.ErrKeyNotValid, CodeRefused},
	{juno.ErrBadSignature, CodeRefused},
	{juno.ErrKeyExists, CodeRefused},
	{juno.ErrNotApproved, CodeRefused},
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Is reports whether target is an Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Unwrap returns the error of the vocabulary that the code stands for; nil if there is none.
func (e *Error) Unwrap() error {
	for _, k := range vocabulary {
		if k.code == e.Code {
			return k.err
		}
	}
	return nil
}

// AsQuery returns the error as the refusal of a statement, if it is one.
func (e *Error) AsQuery() error {
	if e.Code != CodeQuery {
		return e
	}
	return &juno.QueryError{Message: e.Text, Offset: e.Offset, Hint: e.Hint}
}

// ErrorOf gives an error of a port its code.
func ErrorOf(err error) *Error {
	var own *Error
	var query *juno.QueryError
	switch {
	case errors.As(err, &own):
		e := *own
		e.Text = err.Error()
		return &e
	case errors.As(err, &query):
		return &Error{CodeQuery, query.Message, query.Offset, query.Hint}
	}
	code := CodeFailed
	for _, k := range slices.Concat(vocabulary, reasons) {
		if errors.Is(err, k.err) {
			code = k.code
			break
		}
	}
	return &Error{Code: code, Text: err.Error(), Offset: -1}
}

func (*Error) responseKind() ResponseKind { return KindError }

func (e *Error) appendTo(b []byte) []byte {
	b = juno.AppendText(append(b, byte(e.Code)), clip(e.Text))
	b = juno.AppendUvarint(b, uint64(min(max(e.Offset, -1), QueryBytesMax)+1))
	return juno.AppendText(b, clip(e.Hint))
}

func decodeError(d *juno.Decoder) *Error {
	e := &Error{Code: Code(d.U8()), Text: d.Text(textBytesMax)}
	if d.Err() == nil && !e.Code.Valid() {
		d.Fail("unknown code %d", e.Code)
	}
	e.Offset = d.Count(QueryBytesMax+1) - 1
	e.Hint = d.Text(textBytesMax)
	return e
}
