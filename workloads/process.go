//go:build linux

package workloads

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// Command is the hidden first argument that makes a binary a worker: it must
// then call [Main] with the arguments that follow.
const Command = "__worker"

// Process is a running worker.
type Process struct {
	role       Role
	remote     bool // its sink is on another machine
	chunk      int64
	seenWithin time.Duration
	cmd        *exec.Cmd
	gate       *os.File // ready comes out, go goes in
	done       chan struct{}

	diagnostics *boundedBuffer // what it wrote to stderr

	mu     sync.Mutex
	shared *shared // nil once the process is gone
	final  shared
	status error // of exec.Cmd.Wait
}

// Start starts a worker. It prepares itself, which [Process.WaitReady] waits
// for, and does nothing more until [Process.Go].
//
// The worker has a process group of its own, is killed when this process dies,
// can gain no privileges, and holds no descriptors but those it needs.
func Start(cfg Config) (*Process, error) {
	job, files, err := cfg.job()
	if err != nil {
		return nil, err
	}
	memory, memoryFile, err := newShared()
	if err != nil {
		return nil, err
	}
	memory.cookie = cfg.Cookie
	defer memoryFile.Close()
	gate, theirs, err := newGate()
	if err != nil {
		memory.unmap()
		return nil, err
	}
	defer theirs.Close()
	p := &Process{role: cfg.Role, remote: cfg.Sink.IsRemote(), chunk: cfg.Work.Chunk, seenWithin: cfg.SeenWithin, gate: gate, diagnostics: &boundedBuffer{}, done: make(chan struct{}), shared: memory}
	p.cmd, err = cfg.command(job, append([]*os.File{memoryFile, theirs, cfg.Seen}, files...), p.diagnostics)
	if err == nil {
		err = p.launch()
	}
	if err != nil {
		gate.Close()
		memory.unmap()
		return nil, cfg.startError(err, p.cmd)
	}
	return p, nil
}

func (cfg *Config) startError(err error, cmd *exec.Cmd) error {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return fault.Errorf(fault.Failed, moreProcesses, "start the %s: %w", cfg.Role, err)
	case errors.Is(err, unix.ENOMEM):
		return fault.Errorf(fault.Failed, moreMemory, "start the %s: %w", cfg.Role, err)
	}
	if at := (*fs.PathError)(nil); errors.As(err, &at) && at.Path == os.DevNull { // os/exec opens it
		return fault.Errorf(fault.Unsupported, "make it: mknod -m 666 /dev/null c 1 3", "start the %s: a process needs %s: %w", cfg.Role, os.DevNull, bare(err))
	}
	if cfg.User == nil || !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("start the %s: %w", cfg.Role, err)
	}
	binary := cmd.Path
	if own, err := os.Executable(); err == nil && len(cfg.Exec) == 0 {
		binary = own
	}
	return fault.Errorf(fault.Unsupported, "chmod a+rx "+binary, "start the %s: user %d may not execute %s: %w", cfg.Role, cfg.User.UID, binary, bare(err))
}

// newGate connects a worker with its parent: ours can be waited for with a
// deadline, theirs blocks.
func newGate() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fds[0], true)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the worker: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "gate"), os.NewFile(uintptr(fds[1]), "worker's gate"), nil
}

func (cfg *Config) command(job *job, files []*os.File, stderr io.Writer) (*exec.Cmd, error) {
	text, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	argv := cfg.Exec
	if len(argv) == 0 {
		argv = []string{"/proc/self/exe", Command}
	}
	cmd := exec.Command(argv[0], append(argv[1:len(argv):len(argv)], string(text))...)
	// No garbage collection, no preemption by signal and no watch on the cgroup's
	// CPU limit: with them the runtime would put system calls of its own (futex,
	// rt_sigreturn) between those that are counted.
	cmd.Env = []string{"GOGC=off", "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=2"}
	cmd.Dir = "/"
	cmd.ExtraFiles = files
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if u := cfg.User; u != nil && os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	}
	return cmd, nil
}

// launch forks from a thread that lives exactly as long as the worker: the
// parent-death signal is sent when the forking thread ends, see prctl(2), and
// no_new_privs and the ambient capabilities are a thread's properties that the
// worker inherits.
func (p *Process) launch() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: nothing else may run on it
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
		}
		// Go's own descriptors are not inherited, but what a shell left open would
		// be. ExtraFiles are duplicated in the child, and stay. Linux before 5.11
		// cannot do it, and the worker then merely holds more than it needs.
		_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
		if err == nil {
			err = p.cmd.Start()
		}
		started <- err
		if err == nil {
			p.reap()
		}
	}()
	return <-started
}

func (p *Process) reap() {
	status := p.cmd.Wait()
	p.mu.Lock()
	p.final = *p.shared
	p.shared.unmap()
	p.shared = nil
	p.status = status
	p.mu.Unlock()
	p.gate.Close()
	close(p.done)
}

// look calls f with the shared page, or with its last state.
func (p *Process) look(f func(*shared)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared != nil {
		f(p.shared)
	} else {
		f(&p.final)
	}
}

// PID is the worker's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Payload is the number of bytes moved so far.
func (p *Process) Payload() (n int64) {
	p.look(func(memory *shared) { n = atomic.LoadInt64(&memory.payload) })
	return n
}

// Declared is what nobody but the worker can count.
type Declared struct {
	UserSpace   int64 // bytes that its loop copied itself
	Completions int64 // zero-copy sends that the kernel has confirmed
	Copied      int64 // those of them that it copied after all; CopiedUnknown where it does not tell

	// Calls are the system calls that its loop made, by number; one that the kernel restarts is one. Without those
	// of clock_gettime: what the vDSO cannot tell of the time it asks the kernel itself.
	Calls map[uint32]uint64
}

// Declared is what the worker has declared so far.
func (p *Process) Declared() (d Declared) {
	p.look(func(memory *shared) {
		d = Declared{
			UserSpace: atomic.LoadInt64(&memory.userSpace), Completions: atomic.LoadInt64(&memory.completions), Copied: atomic.LoadInt64(&memory.copied),
			Calls: map[uint32]uint64{},
		}
		for nr := range memory.calls {
			if n := atomic.LoadUint64(&memory.calls[nr]); n > 0 {
				d.Calls[uint32(nr)] = n
			}
		}
	})
	return d
}

// Busy is whether a thread of the worker runs, or waits for a disk: states R and
// D of proc_pid_stat(5). One call may do either for long without payload.
func (p *Process) Busy() bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID()))
	for _, stat := range stats {
		text, _ := os.ReadFile(stat) // it may have ended
		_, state, _ := strings.Cut(string(text), ") ")
		if strings.HasPrefix(state, "R") || strings.HasPrefix(state, "D") {
			return true
		}
	}
	return false
}

// WaitReady waits until everything is prepared and only Go is missing.
func (p *Process) WaitReady(ctx context.Context) error {
	release := context.AfterFunc(ctx, func() { _ = p.gate.SetReadDeadline(time.Unix(1, 0)) })
	defer release()
	_, err := io.ReadFull(p.gate, make([]byte, 1))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	_, err = p.Wait()
	if err == nil {
		err = fmt.Errorf("the %s ended before it was ready", p.role)
	}
	return err
}

// Go starts the transfer of a worker that is ready.
func (p *Process) Go() error {
	if _, err := p.gate.Write([]byte{1}); err != nil {
		return fmt.Errorf("start the %s's transfer: %w", p.role, err)
	}
	return nil
}

// Stop makes a sender end after the chunk that it is at. A receiver ends when
// the senders are gone.
func (p *Process) Stop() { p.look(func(memory *shared) { atomic.StoreUint32(&memory.stop, 1) }) }

// Kill ends the worker at once. Wait then says so.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() }

// Done is closed when the worker is gone and reaped.
func (p *Process) Done() <-chan struct{} { return p.done }
