package state

import (
	"fmt"
	"unicode/utf8"

	"juno"
)

// Codes of refusals that the vocabulary does not name, because only this room gives them.
const (
	CodeUsed   juno.Code = "E-USED" // the request id was used before, or is too old to know
	CodeDivide juno.Code = "E-DIV0" // (% n 0) as an argument of #transfer
)

// Refusal is a command that executes nothing, and why. It is an error to those who parse, and a
// result to those who apply.
type Refusal struct {
	Code    juno.Code
	Message string
}

// Error returns the code and the message.
func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Message }

// Result returns the refusal as the result of a command.
func (r *Refusal) Result() juno.Result {
	return juno.Result{Status: juno.StatusRefused, Code: r.Code, Message: r.Message}
}

// messageBytesMax bounds what a refusal says. It is kept with its command for ever, and what a
// client wrote, 64 KiB of digits for instance, may be in it three times.
const messageBytesMax = 2048

// A result that is longer could not be read back (juno.ResultTextBytesMax).
const _ = uint(juno.ResultTextBytesMax - messageBytesMax)

// refuse makes a refusal. What the message is made of may be of any length.
func refuse(code juno.Code, format string, args ...any) *Refusal {
	message := fmt.Sprintf(format, args...)
	if len(message) > messageBytesMax {
		const mark = "…"
		end := messageBytesMax - len(mark)
		for !utf8.RuneStart(message[end]) {
			end--
		}
		message = message[:end] + mark
	}
	return &Refusal{Code: code, Message: message}
}
