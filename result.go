package juno

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Status says what became of a command.
type Status uint8

// The fates of a command that is in the log. The numbers are part of the format.
const (
	StatusOK      Status = 1 // executed
	StatusRefused Status = 2 // executed nothing; Code says why
)

// String returns "ok" or "refused".
func (s Status) String() string {
	switch s {
	case StatusOK:
		return "ok"
	case StatusRefused:
		return "refused"
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// Result is what executing a command gave. It is a function of the log, so equal on all nodes.
type Result struct {
	Status Status
	Code   Code   // why it was refused; empty for StatusOK, and only then
	Value  string // the answer of an observing command; empty for most
	// Message is Code for people, with the names and amounts in question. It is not part of
	// Hash: prose may get better in a later version without splitting a cluster.
	Message string
}

// Code names a refusal, "E-FUNDS". Codes are part of what nodes agree on.
type Code string

// wellFormed reports whether c is empty or of the form E-WORD-WORD, in capitals and digits. People
// see codes as they are, so nothing else may be in one.
func (c Code) wellFormed() bool {
	if c == "" {
		return true
	}
	words, found := strings.CutPrefix(string(c), "E-")
	if !found || len(c) > codeBytesMax {
		return false
	}
	for _, word := range strings.Split(words, "-") {
		if word == "" || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			return false
		}
	}
	return true
}

// The refusals of the ledger's own commands.
const (
	CodeSyntax   Code = "E-SYNTAX"      // the text is no command
	CodeLiteral  Code = "E-LITERAL"     // an amount with denominator zero, or one that is no number
	CodeSize     Code = "E-SIZE"        // a text, name or answer beyond its limit
	CodeNumSize  Code = "E-NUM-SIZE"    // a balance would need more than 512 bits
	CodeAccount  Code = "E-NOACCT"      // no such account
	CodeExists   Code = "E-ACCT-EXISTS" // the account or currency exists already
	CodeReserved Code = "E-RESERVED"    // the name belongs to the system
	CodeCurrency Code = "E-CURRENCY"    // no such currency
	CodeFunds    Code = "E-FUNDS"       // the source would fall below its floor
	CodeAmount   Code = "E-AMOUNT"      // a negative amount
	CodeScale    Code = "E-SCALE"       // finer than the currency allows
	CodeAuth     Code = "E-AUTH"        // the signer may not do this
	CodeKey      Code = "E-KEY"         // a key that is unknown, or exists already
	CodeLanguage Code = "E-LANG"        // a language or form this version does not execute
	CodeExpired  Code = "E-EXPIRED"     // committed after the last index its client allowed
	CodeRange    Code = "E-RANGE"       // a number outside what is allowed there
)

const resultVersion = 1

// AppendResult appends the canonical bytes of r: version (1), status (1), code (text), value
// (text), message (text).
func AppendResult(b []byte, r *Result) []byte {
	return AppendText(appendAgreed(b, r), r.Message)
}

// appendAgreed appends the part that all nodes agree on.
func appendAgreed(b []byte, r *Result) []byte {
	b = append(b, resultVersion, byte(r.Status))
	return AppendText(AppendText(b, string(r.Code)), r.Value)
}

// Limits of a result: what it can make a reader allocate. Whoever executes commands refuses, with
// CodeSize, what would answer with more: a longer result could not be read back.
const (
	// ResultTextBytesMax bounds Value and Message, each.
	ResultTextBytesMax = 64 << 10
	codeBytesMax       = 32
)

// Result reads what AppendResult wrote.
func (d *Decoder) Result() (r Result) {
	d.Version(resultVersion, "result")
	r.Status = Status(d.U8())
	if d.err == nil && r.Status != StatusOK && r.Status != StatusRefused {
		d.fail("unknown status %d", r.Status)
	}
	r.Code, r.Value = Code(d.Text(codeBytesMax)), d.Text(ResultTextBytesMax)
	r.Message = d.Text(ResultTextBytesMax)
	if d.err == nil && ((r.Status == StatusOK) != (r.Code == "") || !r.Code.wellFormed()) {
		d.fail("status %s with code %q", r.Status, r.Code)
	}
	return r
}

const resultTag = "juno1/result"

// Hash returns the hash of status, code and value, under the tag "juno1/result".
func (r *Result) Hash() Hash {
	return sha256.Sum256(appendAgreed([]byte(resultTag), r))
}
