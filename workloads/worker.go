//go:build linux

package workloads

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// The descriptors that a worker inherits, in the order of exec.Cmd.ExtraFiles.
const (
	fdShared = 3 + iota
	fdGate
	fdSeen   // of each role the last marker that was seen, if job.Seen
	fdIn     // the sender's source, or the receiver's end of the sink
	fdOther  // the sender's sink, or what the receiver expects or writes
	fdSecond // the sender's second sink, or the receiver's end of it
)

// Main is a worker's whole life. It runs in a process that [Start] started, as
// `zctrace __worker JOB`, and says on standard error, for its parent, what kept it
// from the work; that is what it returns, too.
func Main(args []string) error {
	runtime.LockOSThread()
	memory, err := mapShared(fdShared)
	if err != nil || len(args) != 1 {
		return complain(fault.Errorf(fault.Usage, "", "%s is how zctrace starts its own workers; see zctrace run --help", Command))
	}
	populateCode()
	w, s, err := prepare(args[0], memory)
	if err != nil {
		memory.badKind = 1 + uint32(fault.KindOf(err))
		return complain(err)
	}
	rehearse(w, s.loop)

	atomic.StoreUint32(&memory.state, stateReady)
	if !barrier() {
		return errors.New("the parent is gone") // and nobody listens
	}
	s.loop(w)
	if s.finish != nil {
		if err := s.finish(w); err != nil {
			return complain(err)
		}
	}
	atomic.StoreUint32(&memory.state, stateDone)
	return nil // the exit closes the sink, which is the receiver's end of file
}

func complain(err error) error {
	fmt.Fprintln(os.Stderr, err)
	return err
}

// barrier tells the parent that the worker is ready and waits for its go. It
// is false when the parent is gone. The wait is a raw call: coming back from it,
// the thread has no scheduler to pass.
func barrier() bool {
	var word [1]byte
	if n, err := unix.Write(fdGate, word[:]); n != 1 || err != nil {
		return false
	}
	n, _, errno := unix.RawSyscall(unix.SYS_READ, fdGate, uintptr(unsafe.Pointer(&word)), 1)
	return n == 1 && errno == 0
}

// populateCode maps all pages of the program, so that no branch of a loop that the
// rehearsal does not take is a page fault of the window. Where it cannot, before Linux
// 5.14 or without /proc, those pages are there that the rehearsal reached.
func populateCode() {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		var start, end uintptr
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &start, &end, &mode); err != nil || !strings.HasPrefix(mode, "r-") || !strings.Contains(line, " /") {
			continue
		}
		_, _, _ = unix.RawSyscall(unix.SYS_MADVISE, start, end-start, unix.MADV_POPULATE_READ)
	}
}

// rehearse runs the loop once on descriptors that do not exist, so that its
// code and data are mapped, and cause no page faults in the real window.
func rehearse(w *window, loop func(*window)) {
	try := *w
	try.shared = &shared{}
	try.cookie, try.seen = 0, nil // nobody's: its markers open no window
	try.in, try.out, try.second = ^uintptr(0), ^uintptr(0), ^uintptr(0)
	try.work.Rate = 0 // or it would wait for the first chunk to be due
	loop(&try)
}

// strategy is what the job does between the markers.
func (j *job) strategy() *Strategy {
	for _, m := range ReceiveMethods {
		if j.Role == Receiver && m.Name == j.Receiver {
			if j.Second {
				return &Strategy{prepare: keepBothEnds, loop: receiveBothLoop}
			}
			return &Strategy{prepare: m.prepare, loop: m.loop}
		}
	}
	for _, s := range Strategies {
		if s.Name == j.Strategy {
			return s
		}
	}
	panic("no strategy " + j.Strategy + j.Receiver) // Start took the name from the table
}

// prepare does everything that can fail before the worker reports ready, and
// returns the strategy with what its loop works on.
func prepare(text string, memory *shared) (*window, *Strategy, error) {
	j := &job{}
	if err := json.Unmarshal([]byte(text), j); err != nil {
		return nil, nil, fmt.Errorf("read the job: %w", err)
	}
	// So that ps and sched_switch name it; the executable may be called "exe".
	_ = os.WriteFile("/proc/thread-self/comm", []byte("zc-"+string(j.Role)), 0)
	_ = os.WriteFile("/proc/self/comm", []byte("zc-"+string(j.Role)), 0)
	if err := blockSignals(); err != nil {
		return nil, nil, err
	}
	if err := pin(j.CPU); err != nil {
		return nil, nil, err
	}
	w := &window{
		shared: memory, work: j.Work, cookie: uintptr(memory.cookie), part: j.Role.number(),
		in: fdIn, out: fdOther,
		inSize: j.SourceSize, outSize: j.SinkSize,
		limit:   j.Limit,
		bufSize: j.Buffer,
		flipAt:  j.FlipAt,
	}
	if j.SeekIn {
		if _, err := unix.Seek(fdIn, 0, unix.SEEK_SET); err != nil {
			return nil, nil, fmt.Errorf("go to the source's start: %w", err)
		}
	}
	if j.SeekOut {
		if _, err := unix.Seek(fdOther, 0, unix.SEEK_SET); err != nil {
			return nil, nil, fmt.Errorf("go to the sink's start: %w", err)
		}
	}
	if j.Second {
		w.second, w.secondSize = fdSecond, j.SecondSize
		if j.Role == Sender {
			w.part |= fdSecond << 16
		}
	}
	if j.SeekSecond {
		if _, err := unix.Seek(fdSecond, 0, unix.SEEK_SET); err != nil {
			return nil, nil, fmt.Errorf("go to the second sink's start: %w", err)
		}
	}
	var err error
	if j.Seen {
		p, err := unix.MmapPtr(fdSeen, 0, nil, uintptr(os.Getpagesize()), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			return nil, nil, fmt.Errorf("map what is seen of the markers: %w", err)
		}
		w.seenWithinNs = j.SeenWithin
		w.seen = (*uint32)(unsafe.Add(p, unsafe.Sizeof(*w.seen)*j.Role.number()))
	}
	if j.Buffer > 0 {
		w.buf, err = mapPopulated(-1, j.Buffer, unix.PROT_READ|unix.PROT_WRITE)
		if err != nil {
			return nil, nil, fault.Errorf(fault.Failed, "take a smaller --chunk", "allocate a buffer of %s: %w", human.FormatBytes(j.Buffer), err)
		}
	}
	if j.ExpectSize > 0 {
		fd := fdOther
		if j.Zeros {
			fd = -1
		}
		w.expectSize = j.ExpectSize
		w.expect, err = mapPopulated(fd, j.ExpectSize, unix.PROT_READ)
		if err != nil {
			return nil, nil, fmt.Errorf("map the source to verify against: %w", err)
		}
	}
	s := j.strategy()
	w.seeklessIn, w.seeklessOut = s.Offsets, s.Offsets
	if s.prepare != nil {
		if _, err := s.prepare(w); err != nil { // undone by the exit
			return nil, nil, err
		}
	}
	return w, s, nil
}

// mapPopulated maps a file, or for -1 zeros, with all pages present.
func mapPopulated(fd int, size int64, prot int) (unsafe.Pointer, error) {
	flags := unix.MAP_SHARED | unix.MAP_POPULATE
	if fd < 0 {
		flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_POPULATE
	}
	return unix.MmapPtr(fd, 0, nil, uintptr(size), prot, flags)
}

// blockSignals blocks all signals on this thread. One that arrived in the loop
// would restart a system call, which counts as a second one. EPIPE comes all
// the same, only SIGPIPE does not.
func blockSignals() error {
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	return nil
}

// pin keeps this thread on one CPU; -1 leaves it where it may be.
func pin(cpu int) error {
	if cpu < 0 {
		return nil
	}
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fault.Errorf(fault.Usage, "CPUs that may be used: "+allowedCPUs(), "pin to CPU %d: %w", cpu, err)
	}
	return nil
}

// allowedCPUs are the CPUs that this thread could be pinned to, as the kernel writes them.
// The kernel takes those of the cpuset; what taskset chose among them does not count, and is
// undone here.
func allowedCPUs() string {
	var all unix.CPUSet
	for i := range all {
		all[i] = ^all[i]
	}
	_ = unix.SchedSetaffinity(0, &all) // else those of taskset are told
	status, _ := os.ReadFile("/proc/thread-self/status")
	_, list, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ = strings.Cut(list, "\n")
	return strings.TrimSpace(list)
}
