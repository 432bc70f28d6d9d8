//go:build linux

package ledger

import "github.com/zctrace/zctrace/bpf"

// Engine is a way to count copies.
type Engine string

const (
	// Fentry sees each copy in the kernel function that makes it, one event
	// per call.
	Fentry Engine = "fentry"
	// Breakpoint sees each copy at the first instruction of the function that
	// moves the bytes, one event per page. It costs by far the most.
	Breakpoint Engine = "breakpoint"
	// Derived infers copies from the system calls.
	Derived Engine = "derived"
)

// Engines are all that there are, the most trusted first.
var Engines = []Engine{Fentry, Breakpoint, Derived}

// Cells is where the engine's programs put what they see.
func (e Engine) Cells() bpf.ObjectEngine {
	switch e {
	case Fentry:
		return bpf.ObjectEngineFENTRY
	case Breakpoint:
		return bpf.ObjectEngineBREAKPOINT
	}
	return bpf.ObjectEngineTRACEPOINTS
}

// Copies is the feed of the hooks by which the engine sees copies.
func (e Engine) Copies() Feed {
	switch e {
	case Fentry:
		return FentryCopies
	case Breakpoint:
		return BreakpointCopies
	}
	return SocketCopies
}
