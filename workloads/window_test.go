//go:build linux

package workloads

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/syscalls"
)

// The promise that all counting rests on: between the markers there are the
// transfers, the calls that go round, and not one more. The test traces the
// loop's thread by ptrace, as strace would.
func TestWindowHoldsTheTransfersAndNothingElse(t *testing.T) {
	const chunk, chunks = 4096, 257
	for _, s := range Strategies {
		for _, sink := range SinkKinds {
			if !s.Takes(sink) {
				continue
			}
			for _, rounds := range []int{0, 4} { // how often it goes back to the start
				t.Run(fmt.Sprintf("%s/%s/%d", s.Name, sink, rounds), func(t *testing.T) {
					row, size := rowOf(t, s), chunks*chunk
					want := row.calls(chunks, sink)
					if rounds > 0 {
						size = chunks / rounds * chunk // and one chunk more in the last round
						if n := rounds * seekers(s, sink); n > 0 {
							want["lseek"] = n
						}
					}
					wl := workload{s, fmt.Sprintf("auto:%d", size), string(sink), Config{Work: Work{Bytes: chunks * chunk, Chunk: chunk}, Cookie: testCookie}}
					sender, receiver, _, _ := wl.start(t)
					if receiver != nil {
						release(t, receiver)
					}
					got := traceWindow(t, sender)
					res, err := wait(t, sender)
					if err != nil || res.Payload != chunks*chunk {
						t.Fatalf("%+v, %v", res, err)
					}
					// A pipe that is nearly full shortens a sendfile or a splice,
					// and each short one makes one more. So does a chain that it breaks.
					for _, name := range []string{"sendfile", "splice", "io_uring_enter"} {
						if n := got[name]; sink == SinkPipe && n > want[name] && want[name] > 0 {
							want[name] = n
						}
					}
					if row.timing != nil {
						row.timing(t, got, want, chunks, sender.Declared())
					}
					if !maps.Equal(got, want) {
						t.Errorf("the window has %v, want %v", got, want)
					}
					if declared := named(sender.Declared().Calls); !maps.Equal(declared, got) {
						t.Errorf("the worker declares %v, and the window has %v", declared, got)
					}
					for name := range got {
						if name != "lseek" && !s.Makes(name) {
							t.Errorf("%s is not among the strategy's system calls %v", name, s.Syscalls)
						}
					}
				})
			}
		}
	}
}

// named are system calls by name, of those by number.
func named(calls map[uint32]uint64) callCounts {
	made := callCounts{}
	for nr, n := range calls {
		made[syscalls.Name(nr)] = int(n)
	}
	return made
}

// seekers are the files that a strategy goes back to the start of by lseek.
func seekers(s *Strategy, sink SinkKind) (n int) {
	if s.Offsets {
		return 0
	}
	if !s.Mapped() {
		n++
	}
	if sink == SinkFile && !s.Makes("msync") { // it would be mapped
		n++
	}
	return n
}

func TestReceiversWindow(t *testing.T) {
	wl := workload{readWrite, "auto:1M", "unix", Config{Work: Work{Bytes: 1 << 20, Chunk: 65536, Verify: true}, Cookie: testCookie}}
	sender, receiver, _, _ := wl.start(t)
	release(t, sender) // the receiver starts when it is traced
	got := traceWindow(t, receiver)
	if got["read"] < 17 || len(got) != 1 {
		t.Errorf("the window has %v, want 16 reads and the one at the end at least", got)
	}
	if _, err := wait(t, receiver); err != nil {
		t.Error(err)
	}
	if declared := named(receiver.Declared().Calls); !maps.Equal(declared, got) {
		t.Errorf("the receiver declares %v, and the window has %v", declared, got)
	}
}

const testCookie uint64 = 0x0123_4567_89ab_cdef

// traceWindow lets a worker go and counts its system calls between the markers.
func traceWindow(t *testing.T, p *Process) callCounts {
	t.Helper()
	return traceMarkers(t, p, func(uint64) (seen bool) { return true })
}

// traceMarkers is traceWindow, which tells of each marker before it is made, and is told whether that is seen.
func traceMarkers(t *testing.T, p *Process, marked func(mark uint64) (seen bool)) callCounts {
	t.Helper()
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	tid := thread(t, p)
	err := ptrace(unix.PTRACE_SEIZE, tid, 0, unix.PTRACE_O_TRACESYSGOOD)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Skipf("this machine forbids ptrace: %v", err)
	}
	must(t, err)
	must(t, ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0))
	stopped(t, tid)
	release(t, p)

	made := callCounts{}
	inWindow := false
	for {
		must(t, ptrace(unix.PTRACE_SYSCALL, tid, 0, 0))
		if stopped(t, tid) != unix.SIGTRAP|0x80 { // the mark of PTRACE_O_TRACESYSGOOD
			continue
		}
		nr, args, entry := syscallInfo(t, tid)
		switch {
		case !entry:
		case nr == MarkerNr && args[1] == MarkerAddress:
			if args[2] != testCookie {
				t.Fatalf("a marker with the cookie %#x, want %#x", args[2], testCookie)
			}
			seen := marked(args[3] >> 8 & 0xff)
			if args[3]>>8&0xff == MarkEnd && seen {
				must(t, ptrace(unix.PTRACE_DETACH, tid, 0, 0))
				return made
			}
			if args[3]>>8&0xff == MarkBegin {
				inWindow = true
				clear(made) // what came before a marker that is repeated is not in the window
			}
		case inWindow:
			made[syscalls.Name(uint32(nr))]++
		}
	}
}

// Where a marker can be missed, it is made until it is seen. The window begins and ends then, and so does what is paced and timed.
func TestMarkersAreRepeatedUntilTheyAreSeen(t *testing.T) {
	seen := markersSeen(t)
	wl := workload{readWrite, "zero", "null", Config{Work: Work{Bytes: 4096, Chunk: 4096}, Cookie: testCookie, Seen: seen, SeenWithin: time.Minute}}
	sender, _, _, _ := wl.start(t)
	const missed = 2000                                         // and some more, to pass where the clock is looked at
	marks, last := map[uint64]int{}, map[uint64]unix.Timespec{} // last: when the last one was that is missed
	made := traceMarkers(t, sender, func(mark uint64) bool {
		if marks[mark]++; marks[mark] <= missed {
			var now unix.Timespec
			must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
			last[mark] = now
			return false
		}
		see(t, seen, mark)
		return true
	})
	if _, err := wait(t, sender); err != nil {
		t.Fatal(err)
	}
	begin, end := last[MarkBegin], last[MarkEnd]
	if sender.final.beginNs < begin.Nano() || sender.final.endNs < end.Nano() {
		t.Errorf("the window is from %d to %d ns, before the last markers that were missed, at %d and %d", sender.final.beginNs, sender.final.endNs, begin.Nano(), end.Nano())
	}
	if want := map[uint64]int{MarkBegin: missed + 1, MarkEnd: missed + 1}; !maps.Equal(marks, want) {
		t.Errorf("%v markers, want %v", marks, want)
	}
	if !maps.Equal(made, callCounts{"read": 1, "write": 1}) {
		t.Errorf("the window has %v", made)
	}
}

// A marker that nobody sees ends the worker in time, and its error says why.
func TestMarkersThatNobodySees(t *testing.T) {
	for mark, what := range map[uint64]string{MarkBegin: "begin", MarkEnd: "end"} {
		t.Run(what, func(t *testing.T) {
			seen := markersSeen(t)
			if mark == MarkEnd {
				see(t, seen, MarkBegin)
			}
			wl := workload{readWrite, "zero", "null", Config{Work: Work{Bytes: 4096, Chunk: 4096}, Seen: seen, SeenWithin: 20 * time.Millisecond}}
			sender, _, _, _ := wl.start(t)
			release(t, sender)
			res, err := wait(t, sender)
			mustFail(t, err, fault.Failed, "nobody saw the sender's window "+what, "20ms", "--cpu")
			if moved := mark == MarkEnd; (res.Payload == 4096) != moved {
				t.Errorf("it moved %d bytes", res.Payload)
			}
		})
	}
}

// markersSeen is memory in which a test says what it saw.
func markersSeen(t *testing.T) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("seen", unix.MFD_CLOEXEC)
	must(t, err)
	seen := os.NewFile(uintptr(fd), "seen")
	t.Cleanup(func() { seen.Close() })
	must(t, seen.Truncate(int64(os.Getpagesize())))
	return seen
}

// see says that a marker of the sender's was seen.
func see(t *testing.T, seen *os.File, mark uint64) {
	t.Helper()
	_, err := seen.WriteAt(binary.NativeEndian.AppendUint32(nil, uint32(mark)), 0)
	must(t, err)
}

func stopped(t *testing.T, tid int) unix.Signal {
	t.Helper()
	var status unix.WaitStatus
	_, err := unix.Wait4(tid, &status, unix.WALL, nil)
	must(t, err)
	if !status.Stopped() {
		t.Fatalf("the traced thread is gone: %#x", status)
	}
	return status.StopSignal()
}

// syscallInfo is struct ptrace_syscall_info, see ptrace(2): the operation in
// the first byte, the system call's number at 24, its arguments from 32 on.
func syscallInfo(t *testing.T, tid int) (nr uint64, args [6]uint64, entry bool) {
	t.Helper()
	var info [88]byte
	must(t, ptrace(unix.PTRACE_GET_SYSCALL_INFO, tid, uintptr(len(info)), uintptr(unsafe.Pointer(&info))))
	for i := range args {
		args[i] = binary.NativeEndian.Uint64(info[32+8*i:])
	}
	return binary.NativeEndian.Uint64(info[24:]), args, info[0] == unix.PTRACE_SYSCALL_INFO_ENTRY
}

func ptrace(request, tid int, addr, data uintptr) error {
	if _, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0); errno != 0 {
		return fmt.Errorf("ptrace request %#x: %w", request, errno)
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Who is late has nothing to wait for, and makes no call to find that out: each chunk is due 4 ns after the one before.
func TestLateMakesNoCall(t *testing.T) {
	const chunk, chunks = 4096, 64
	for _, s := range []*Strategy{readWrite, mmapWrite, ioUring} {
		t.Run(s.Name, func(t *testing.T) {
			sink := "null"
			wl := workload{s, "auto:1M", sink, Config{Work: Work{Bytes: chunks * chunk, Chunk: chunk, Rate: 1 << 40}, Cookie: testCookie}}
			sender, _, _, _ := wl.start(t)
			got, want := traceWindow(t, sender), rowOf(t, s).calls(chunks, SinkKind(sink))
			if _, err := wait(t, sender); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, want) {
				t.Errorf("the window has %v, want %v", got, want)
			}
		})
	}
}
