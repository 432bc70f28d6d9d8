//go:build linux

package workloads

import "fmt"

// Kind says whose fault an [Error] is, and with that the exit code.
type Kind int

const (
	// Failure: it should have worked.
	Failure Kind = iota
	// Usage: the request itself is wrong, on any machine.
	Usage
	// Unsupported: not possible on this machine or with these rights.
	Unsupported
)

// ExitCode is the exit status of a command that ends with such an error.
func (k Kind) ExitCode() int {
	switch k {
	case Usage:
		return 2
	case Unsupported:
		return 3
	default:
		return 1
	}
}

// Error says what went wrong and why (Msg), and what to do about it (Hint,
// possibly empty).
type Error struct {
	Kind Kind
	Msg  string
	Hint string
	Err  error // the cause, for errors.Is; its text is already part of Msg
}

// Error is the message and, on a second line, the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Msg
	}
	return e.Msg + "\n" + e.Hint
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func errorf(kind Kind, hint, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	type wrapper interface{ Unwrap() error }
	var cause error
	if w, ok := err.(wrapper); ok {
		cause = w.Unwrap()
	}
	return &Error{Kind: kind, Msg: err.Error(), Hint: hint, Err: cause}
}
