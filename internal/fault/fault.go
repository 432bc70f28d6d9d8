// Package fault is the error that says whose fault it is, and what to do about it.
package fault

import (
	"errors"
	"fmt"
)

// Kind says whose fault an [Error] is, and with that the command's exit code.
type Kind int

const (
	// Failed: it should have worked.
	Failed Kind = iota
	// Usage: the request itself is wrong, on any machine.
	Usage
	// Unsupported: not possible on this machine or with these rights.
	Unsupported
	// Unexpected: it worked, but not as the user demanded.
	Unexpected
)

// Error says what went wrong and why, and what to do about it.
type Error struct {
	Kind   Kind
	What   string // and why; may be empty where all has been said
	Remedy string // may be empty
	Cause  error  // for errors.Is; its text is already part of What
}

// Errorf makes an error of that kind, with that remedy. The format says what went wrong, as
// [fmt.Errorf]'s does.
func Errorf(kind Kind, remedy, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, What: err.Error(), Remedy: remedy, Cause: errors.Unwrap(err)}
}

// Error is what went wrong and, on a second line, the remedy.
func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.What
	}
	return e.What + "\n" + e.Remedy
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf is the kind of the first [Error] in err's tree, and Failed where there is none.
func KindOf(err error) Kind {
	if e, is := errors.AsType[*Error](err); is {
		return e.Kind
	}
	return Failed
}
