//go:build linux

package workloads

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/syscalls"
)

// The promise that all counting rests on: between the markers there are the
// transfers, the calls that go round, and not one more. The test traces the
// loop's thread by ptrace, as strace would.
func TestWindowHoldsTheTransfersAndNothingElse(t *testing.T) {
	const chunk, chunks = 4096, 257
	const chains = (chunks + DefaultDepth - 1) / DefaultDepth // one call each
	type calls map[string]int
	perChunk := map[string]calls{
		"read-write":   {"read": chunks, "write": chunks},
		"mmap-write":   {"mmap": 1, "write": chunks, "munmap": 1},
		"sendfile":     {"sendfile": chunks},
		"splice":       {"splice": 2 * chunks},
		"tee":          {"splice": 3 * chunks, "tee": chunks},
		"vmsplice":     {"mmap": 1, "vmsplice": chunks, "splice": chunks, "munmap": 1},
		"readv-writev": {"readv": chunks, "writev": chunks},

		"copy-file-range": {"copy_file_range": chunks},
		"direct-io":       {"read": chunks, "write": chunks},
		"msg-zerocopy":    {"mmap": 1, "sendto": chunks, "munmap": 1},
		"aio":             {"io_submit": chains, "io_getevents": chains, "write": chunks},
		"io-uring":        {"io_uring_enter": chains},
		"io-uring-fixed":  {"io_uring_enter": chains},
		"io-uring-zc":     {"mmap": 1, "munmap": 1},
		"io-uring-splice": {"io_uring_enter": chains},
		"mmap-copy":       {"mmap": 2, "msync": 1, "munmap": 2},
	}
	for _, s := range Strategies {
		for _, sink := range SinkKinds {
			if !takes(s, sink) {
				continue
			}
			for _, rounds := range []int{0, 4} { // how often it goes back to the start
				t.Run(fmt.Sprintf("%s/%s/%d", s.Name, sink, rounds), func(t *testing.T) {
					size := chunks * chunk
					want := maps.Clone(perChunk[s.Name])
					if s == nativeAIO && sink == SinkFile {
						want = calls{"io_submit": 2 * chains, "io_getevents": 2 * chains}
					}
					if rounds > 0 {
						size = chunks / rounds * chunk // and one chunk more in the last round
						seeks := 0
						if !slices.Contains(s.Syscalls, "mmap") && !s.Queued { // whose requests carry offsets
							seeks += rounds
						}
						if sink == SinkFile && s != mmapCopy && !s.Queued {
							seeks += rounds
						}
						if seeks > 0 {
							want["lseek"] = seeks
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
					if s == ioUringZC { // one for each chain and its notifications, at the most
						n := got["io_uring_enter"]
						if n < chains || n > 3*chains+2 {
							t.Errorf("%d io_uring_enter, with %d chains", n, chains)
						}
						want["io_uring_enter"] = n
						if d := sender.Declared(); d.Completions != chunks || d.Copied != chunks && d.Copied != CopiedUnknown { // it is loopback
							t.Errorf("the worker declares %+v after %d sends", d, chunks)
						}
					}
					if s == msgZerocopy { // how many there are is timing
						if n := got["recvmsg"]; n < 1 || n > 2*chunks {
							t.Errorf("%d notifications were asked for, with %d sends", n, chunks)
						}
						want["recvmsg"] = got["recvmsg"]
						if n := got["ppoll"]; n > 0 {
							want["ppoll"] = n
						}
						if d := sender.Declared(); d.Completions != chunks || d.Copied != chunks { // it is loopback
							t.Errorf("the worker declares %+v after %d sends", d, chunks)
						}
					}
					if !maps.Equal(got, want) {
						t.Errorf("the window has %v, want %v", got, want)
					}
					for name := range got {
						if name != "lseek" && !slices.Contains(s.Syscalls, name) {
							t.Errorf("%s is not among the strategy's system calls %v", name, s.Syscalls)
						}
					}
				})
			}
		}
	}
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
}

const testCookie uint64 = 0x0123_4567_89ab_cdef

// traceWindow lets a worker go and counts its system calls between the markers.
func traceWindow(t *testing.T, p *Process) map[string]int {
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

	calls := map[string]int{}
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
			if args[3]>>8&0xff == MarkEnd {
				must(t, ptrace(unix.PTRACE_DETACH, tid, 0, 0))
				return calls
			}
			inWindow = args[3]>>8&0xff == MarkBegin
		case inWindow:
			calls[syscalls.Name(uint32(nr))]++
		}
	}
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
