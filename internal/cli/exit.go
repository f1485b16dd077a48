package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
)

// ExitCode is how a process ends. The codes are a contract with scripts. As an error it ends the
// process with that code and without a message: the verb has printed everything itself.
type ExitCode int

// The exit codes.
const (
	ExitOK          ExitCode = 0
	ExitFailed      ExitCode = 1
	ExitUsage       ExitCode = 2   // the call makes no sense
	ExitVerify      ExitCode = 3   // something is not what was written and signed
	ExitUnknown     ExitCode = 4   // nobody can say yet what became of a command
	ExitInterrupted ExitCode = 130 // a signal, as shells count
)

// Error implements error.
func (c ExitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// Exit returns the error of a verb that has printed everything: nil for 0.
func Exit(code int) error {
	if code == int(ExitOK) {
		return nil
	}
	return ExitCode(code)
}

// usageError is a call that makes no sense.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// Usagef returns the error of a call that makes no sense. It ends the process with ExitUsage, and
// the message is followed by the name of the verb's help.
func Usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// isUsage reports whether an error is one of Usagef.
func isUsage(err error) bool { return errors.As(err, new(*usageError)) }

// Code returns the exit code of what a verb returned. unknown are the errors that say that the
// outcome of a command is not known.
func Code(err error, unknown ...error) ExitCode {
	var code ExitCode
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return ExitOK
	case errors.As(err, &code):
		return code
	case isUsage(err):
		return ExitUsage
	}
	for _, u := range unknown {
		if errors.Is(err, u) {
			return ExitUnknown
		}
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	return ExitFailed
}
