//go:build linux

package workloads

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/workloads/uring"
)

// Result is what a worker did.
type Result struct {
	Payload  int64         // bytes delivered to the sink, or received
	Elapsed  time.Duration // of the window
	Mismatch *Mismatch     // what Verify found; nil: all bytes were right
}

// Mismatch is the first byte that did not arrive as it was in the source.
type Mismatch struct {
	Offset        int64 // in the payload
	Expected, Got byte
}

// Wait waits for the worker's end. The Result is filled in as far as it came,
// also with an error: a system call failed, or something killed the worker.
func (p *Process) Wait() (Result, error) {
	<-p.done
	memory := &p.final
	res := Result{Payload: memory.payload}
	if memory.endNs > 0 {
		res.Elapsed = time.Duration(memory.endNs - memory.beginNs)
	}
	if memory.badByte != 0 {
		res.Mismatch = &Mismatch{Offset: memory.badOffset, Expected: byte(memory.expected), Got: byte(memory.got)}
	}
	return res, p.failure()
}

// failure turns what is left of the worker into an error.
func (p *Process) failure() error {
	memory := &p.final
	moved := "after " + human.Plural(memory.payload, "byte")
	var exit *exec.ExitError
	switch {
	case memory.state == stateDone && memory.failed != 0:
		return p.callError(moved)
	case memory.state == stateDone:
		return nil
	case memory.badKind != 0:
		return fault.Errorf(fault.Kind(memory.badKind-1), p.diagnostics.line(1), "prepare the %s: %s", p.role, p.diagnostics.line(0))
	case errors.As(p.status, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
		signal := exit.Sys().(syscall.WaitStatus).Signal()
		hint := ""
		switch signal {
		case unix.SIGBUS: // in a mapping that has lost its file
			hint = truncatedHint
		case unix.SIGKILL:
			hint = "somebody killed it, or the kernel, for want of memory (dmesg tells) or beyond ulimit -t"
		}
		return fault.Errorf(fault.Failed, hint, "the %s was killed by %s %s", p.role, unix.SignalName(signal), moved)
	case p.status != nil:
		return fault.Errorf(fault.Failed, p.diagnostics.hint(), "the %s ended with %v %s", p.role, p.status, moved)
	}
	return fault.Errorf(fault.Failed, p.diagnostics.hint(), "the %s ended early, %s", p.role, moved)
}

// What a limit needs that keeps a worker from starting, or its runtime from working.
const (
	moreProcesses = "too few processes and threads are allowed: raise ulimit -u, or the cgroup's pids.max"
	moreMemory    = "there is too little memory for it: raise ulimit -v, or the cgroup's memory limit"
)

const truncatedHint = "another program truncated the source; leave it alone while it is read"

func (p *Process) callError(moved string) error {
	memory := &p.final
	errno := syscall.Errno(memory.errno)
	name := memory.failedCall()
	if memory.unseen > 0 {
		what := map[uint32]string{MarkBegin: "begin", MarkEnd: "end"}[memory.unseen]
		return fault.Errorf(fault.Failed, "end, or let go on, what updates eBPF maps on its CPU (bpftool prog show names what uses them), or take other CPUs with --cpu",
			"nobody saw the %s's window %s for %v: eBPF programs at perf's events do not run on its CPU while a process there is preempted in an operation on an eBPF map", p.role, what, p.seenWithin)
	}
	if errno == 0 {
		return fault.Errorf(fault.Failed, truncatedHint, "the %s's %s found nothing more %s", p.role, name, moved)
	}
	why, hint := "", ""
	switch errno {
	case unix.EPIPE, unix.ECONNRESET:
		hint = "the receiver ended first"
		if errno == unix.ECONNRESET {
			hint += ", or something else reset the connection"
		}
		if p.remote && errno == unix.EPIPE { // sendfile(2) and splice(2) may have kept ETIMEDOUT for themselves
			hint += fmt.Sprintf(", or its machine took nothing for %v", patience)
		}
	case unix.EFAULT: // a write from a mapping that has lost its file
		hint = truncatedHint
	case unix.ENOBUFS: // of a zero-copy send with none under way
		why, hint = noBuffers(p.chunk)
	case unix.ENOMEM:
		if memory.failedOp == 1+uring.OpSendZC {
			why, hint = noPins(p.chunk)
		}
	case unix.ETIMEDOUT:
		hint = fmt.Sprintf("the receiver's machine took nothing for %v: is it there, and zctrace serve running?", patience)
	case unix.ENOSPC, unix.EDQUOT:
		hint = "free some space, or take another sink"
	case unix.EFBIG:
		hint = tooLarge()
	}
	err := fmt.Errorf("the %s's %s failed %s: %w", p.role, name, moved, errno)
	if why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	return fault.Errorf(fault.Failed, hint, "%w", err)
}

// boundedBuffer keeps the first bytes written to it: an error starts with what
// it is about, and so does a panic.
type boundedBuffer struct{ buf bytes.Buffer }

const maxDiagnostics = 4096 // bytes

func (b *boundedBuffer) Write(text []byte) (int, error) {
	b.buf.Write(text[:min(len(text), maxDiagnostics-b.buf.Len())])
	return len(text), nil
}

// line returns line n, counted from 0, "" if there is none.
func (b *boundedBuffer) line(n int) string {
	for line := range strings.Lines(b.buf.String()) {
		if n == 0 {
			return strings.TrimSpace(line)
		}
		n--
	}
	return ""
}

// hint is what a program that died of a limit needs, by what Go's runtime said at its
// end, or the first thing that it said.
func (b *boundedBuffer) hint() string {
	for _, end := range []struct{ says, hint string }{
		{"failed to create new OS thread", moreProcesses},
		{"pthread_create failed", moreProcesses}, // with cgo
		{"out of memory", moreMemory},
		{"cannot allocate memory", moreMemory},
		{"failed to reserve page summary memory", moreMemory},
	} {
		if bytes.Contains(b.buf.Bytes(), []byte(end.says)) {
			return end.hint
		}
	}
	return b.line(0)
}

// failedCall names the system call that ended the loop, or io_uring's operation.
func (s *shared) failedCall() string {
	if s.failedOp > 0 {
		return syscalls.UringOp(s.failedOp - 1)
	}
	return syscalls.Name(uint32(s.failedNr))
}
