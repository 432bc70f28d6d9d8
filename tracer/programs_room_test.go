//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// told runs a command that says when it is ready, in a line, and waits for one; meanwhile happens what is given.
func told(t *testing.T, tr *Tracer, meanwhile func(), argv ...string) (byComm map[string]*ledger.Process, last *ledger.ProgramSnapshot) {
	t.Helper()
	var ends [4]*os.File
	for i := 0; i < len(ends); i += 2 {
		var err error
		if ends[i], ends[i+1], err = os.Pipe(); err != nil {
			t.Fatal(err)
		}
		defer ends[i].Close()
		defer ends[i+1].Close()
	}
	cmd := begin(t, tr, ends[0], ends[3], argv...)
	if _, err := ends[2].Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	fmt.Fprintln(ends[1], "go")
	return gather(t, tr, cmd)
}

// Of a process for which there is no place nothing is known, which is told, and nobody waits for its end.
func TestFollowWithoutAPlace(t *testing.T) {
	oncePerMachine(t)
	tr := start(t, Options{Programs: &DefaultPrograms, Copies: ledger.Derived})
	full := func() {
		table := tr.collection.Variables[bpf.ObjectVarSubjects]
		subjects := make([]bpf.ObjectSubject, uintptr(table.Size())/unsafe.Sizeof(bpf.ObjectSubject{}))
		if err := table.Get(subjects); err != nil {
			t.Fatal(err)
		}
		for i := range subjects {
			if subjects[i].Address == 0 {
				subjects[i].Address = 2
			}
		}
		if err := table.Set(subjects); err != nil {
			t.Fatal(err)
		}
	}
	byComm, s := told(t, tr, full, "sh", "-c", "echo ready; read go; /bin/true; /bin/true & wait; exit 0")
	if n := s.Following.LateTasks; n != 2 {
		t.Errorf("%d late tasks, want 2", n)
	}
	for comm, p := range byComm {
		if p.Folded > 0 || p.Threads != 1 {
			t.Errorf("%s: %d processes with %d threads, want one", comm, p.Folded, p.Threads)
		}
	}
}

// asProgram has this file be one of these instead of executing its tests.
const asProgram = "ZCTRACE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case "turns":
		takeTurns()
	case "kinds":
		takeKinds()
	case "heeded":
		takeHeeded(os.Args[1])
	case "notes":
		takeNotes()
	case "ends":
		takeEnds()
	default:
		os.Exit(m.Run())
	}
}

// turns is how often takeTurns opens another file.
const turns = 300

// takeTurns has one thread open a file and a pipe in turn behind one number, from which another one then reads: 2 bytes of the file, 3 of the pipe.
func takeTurns() {
	runtime.LockOSThread() // which was there before the places are freed
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 64))
	file, err1 := unix.MemfdCreate("turns", 0)
	_, err2 := unix.Write(file, make([]byte, 2*turns))
	_, err3 := unix.Seek(file, 0, io.SeekStart)
	ends := make([]int, 2)
	if err := errors.Join(err1, err2, err3, unix.Pipe(ends)); err != nil {
		panic(err)
	}
	opened, read := make(chan int), make(chan int)
	for range 32 { // those that there are, so that the next one begins now
		locked := make(chan bool)
		go func() {
			runtime.LockOSThread()
			locked <- true
			select {}
		}()
		<-locked
	}
	go func() {
		runtime.LockOSThread()
		for n := range opened {
			if n, err := unix.Read(50, make([]byte, n)); n < 2 {
				panic(err)
			}
			read <- n
		}
	}()
	for i := range turns {
		if i%2 == 0 {
			err1 = unix.Dup2(file, 50)
		} else {
			_, err2 = unix.Write(ends[1], make([]byte, 3))
			err1 = unix.Dup2(ends[0], 50)
		}
		if err := errors.Join(err1, err2); err != nil {
			panic(err)
		}
		opened <- 2 + i%2
		<-read
	}
}

// More tables of descriptors than there are places for are remembered no less well. The threads of a program do not part:
// not even if there is a place for some of them, because others have ended.
func TestFollowTablesWithoutAPlace(t *testing.T) {
	oncePerMachine(t)
	t.Setenv(asProgram, "turns")
	for name, freed := range map[string]bool{"full": false, "freed": true} {
		t.Run(name, func(t *testing.T) {
			tr := start(t, Options{Programs: &DefaultPrograms, Copies: ledger.Derived})
			setUsers := func(users uint64) {
				places := tr.collection.Variables[bpf.ObjectVarTables]
				tables := make([]bpf.ObjectDescriptors, uintptr(places.Size())/unsafe.Sizeof(bpf.ObjectDescriptors{}))
				for i := range tables {
					tables[i].Users = users
				}
				if err := places.Set(tables); err != nil {
					t.Fatal(err)
				}
			}
			setUsers(1)
			byComm, s := told(t, tr, func() {
				if freed {
					setUsers(0)
				}
			}, os.Args[0])
			checkBalance(t, byComm, s)
			var bytes [2]uint64
			for _, p := range byComm {
				for key, c := range p.Calls {
					if key.Nr == unix.SYS_READ && key.In.Format == unix.S_IFIFO {
						bytes[1] += c.Bytes
					} else if key.Nr == unix.SYS_READ && key.In.Detail == unix.TMPFS_MAGIC {
						bytes[0] += c.Bytes
					}
				}
			}
			if want := [2]uint64{2 * turns / 2, 3*turns/2 + uint64(len("go\n"))}; bytes != want {
				t.Errorf("%v bytes were read from the file and the pipe, want %v", bytes, want)
			}
		})
	}
}

// plain are calls that move nothing, and that Go's runtime does not make.
var plain = []uint32{
	unix.SYS_GETPPID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_GETPGID, unix.SYS_GETSID, unix.SYS_UMASK,
	unix.SYS_GETPRIORITY, unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GET_PRIORITY_MAX, unix.SYS_SCHED_GET_PRIORITY_MIN, unix.SYS_PERSONALITY, unix.SYS_GETGROUPS,
	unix.SYS_MUNLOCKALL, unix.SYS_SCHED_RR_GET_INTERVAL, unix.SYS_GETRUSAGE, unix.SYS_TIMES, unix.SYS_SYSINFO, unix.SYS_UNAME,
}

const each = 50 // of the plain calls, how often

// takeKinds calls with more kinds of descriptors than a process has room for, 200 of sockets, and with more kinds of calls, each of them often,
// than a thread has. A file is read before that and after, each time once, so that the sum of that has gone to the process meanwhile.
func takeKinds() {
	runtime.LockOSThread()
	const file = 20 // whose memo is in the way of nobody else's: memo_for in bpf/programs.bpf.h
	made, err1 := unix.MemfdCreate("kinds", 0)
	_, err2 := unix.Pwrite(made, make([]byte, 77), 0)
	if err := errors.Join(err1, err2, unix.Dup3(made, file, 0)); err != nil {
		panic(err)
	}
	read := func() {
		if n, err := unix.Preadv(file, [][]byte{make([]byte, 78)}, 0); n != 77 {
			panic(err)
		}
	}
	read()
	for protocol := range 200 {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, 1+protocol)
		if err != nil {
			panic(err)
		}
		// Not what is received: of some of these protocols that may be anything that comes to this machine.
		if _, _, err := unix.Recvfrom(s, make([]byte, 1), unix.MSG_DONTWAIT|unix.MSG_ERRQUEUE); !errors.Is(err, unix.EAGAIN) {
			panic(err)
		}
		unix.Close(s)
	}
	read()
	memory := make([]byte, 4096)
	for range each {
		for _, nr := range plain {
			_, _, _ = unix.RawSyscall(uintptr(nr), 0, uintptr(unsafe.Pointer(&memory[0])), 0)
		}
	}
}

// What finds no room with its thread is counted with its process, and what finds none there with its call: as exactly, each once, and of nothing
// else. What the descriptors of the latter were is not known, and that is told.
func TestFollowManyKinds(t *testing.T) {
	oncePerMachine(t)
	t.Setenv(asProgram, "kinds")
	byComm, s := follow(t, DefaultPrograms, os.Args[0])
	checkBalance(t, byComm, s)
	if n := s.Following.KindsOverflow; n == 0 {
		t.Error("there was room")
	}
	calls, failed, bytes := map[uint32]uint64{}, map[uint32]uint64{}, map[uint32]uint64{}
	for _, p := range byComm {
		for key, c := range p.Calls {
			calls[key.Nr] += c.Calls
			failed[key.Nr] += c.Errors
			bytes[key.Nr] += c.Bytes
		}
	}
	if failed[unix.SYS_RECVFROM] != 200 || bytes[unix.SYS_RECVFROM] != 0 {
		t.Errorf("%d calls of recvfrom failed, want 200; %d bytes", failed[unix.SYS_RECVFROM], bytes[unix.SYS_RECVFROM])
	}
	if bytes[unix.SYS_PREADV] != 2*77 || bytes[unix.SYS_PWRITE64] != 77 {
		t.Errorf("%d bytes of preadv, %d of pwrite64, want %d and %d", bytes[unix.SYS_PREADV], bytes[unix.SYS_PWRITE64], 2*77, 77)
	}
	for _, nr := range plain {
		if calls[nr] != each {
			t.Errorf("%d calls of %s, want %d", calls[nr], syscalls.Name(nr), each)
		}
	}
}

// takeHeeded makes two calls of which more than their sum depends on what their descriptors are, once there is no room any more for what that
// is: one copies a file of an overlay within that, the other reads where a file was opened, as the number of which nothing was known before.
func takeHeeded(dir string) {
	runtime.LockOSThread()
	const text = 77
	watch, err1 := unix.FanotifyInit(unix.FAN_CLASS_NOTIF, unix.O_RDONLY)
	in, err2 := unix.Open(dir+"/in", unix.O_RDONLY, 0)
	out, err3 := unix.Open(dir+"/out", unix.O_WRONLY|unix.O_CREAT, 0o600)
	number, err4 := unix.Dup(0)
	watching := number + 33 // whose memo is not that of the number
	if err := errors.Join(err1, err2, err3, err4, unix.FanotifyMark(watch, unix.FAN_MARK_ADD, unix.FAN_ACCESS, in, ""), unix.Dup3(watch, watching, 0)); err != nil {
		panic(err)
	}
	if n, err := unix.Read(in, make([]byte, text)); n != text { // for which there still is room
		panic(err)
	}
	takeKinds()
	_, err1 = unix.Seek(in, 0, io.SeekStart)
	n, err2 := unix.CopyFileRange(in, nil, out, nil, text, 0)
	if err := errors.Join(err1, err2); err != nil || n != text {
		panic(err)
	}
	unix.Close(number)
	if _, err := unix.Read(number, make([]byte, 1)); !errors.Is(err, unix.EBADF) {
		panic(err)
	}
	if n, err := unix.Read(watching, make([]byte, 24)); n != 24 { // struct fanotify_event_metadata
		panic(err)
	}
	if n, err := unix.Read(number, make([]byte, text+1)); n != text {
		panic(err)
	}
}

// What a call's descriptors are is heeded, too, where there is no room for it: that the kernel accounts on an overlay what is copied twice, and that
// reading some opens others.
func TestFollowManyKindsHeeded(t *testing.T) {
	oncePerMachine(t)
	t.Setenv(asProgram, "heeded")
	const text = 77
	for name, test := range map[string]struct {
		size Programs
		argv []string
	}{
		"with a slot":    {DefaultPrograms, []string{os.Args[0]}},
		"without a slot": {Programs{Threads: 1, Processes: 8}, []string{"sh", "-c", `"$@"; exit $?`, "sh", os.Args[0]}},
	} {
		t.Run(name, func(t *testing.T) {
			at, mount := overlays(t)
			if err := os.WriteFile(at+"/lower/in", make([]byte, text), 0o600); err != nil {
				t.Fatal(err)
			}
			mount("one", "lower")
			byComm, s := follow(t, test.size, append(test.argv, at+"/one/merged")...)
			checkBalance(t, byComm, s)
			var copied, read uint64
			for _, p := range byComm {
				for key, c := range p.Calls {
					switch {
					case key.Nr == unix.SYS_COPY_FILE_RANGE && key.Out == bpf.ObjectFdKind{}:
						copied += c.Bytes
					case key.Nr == unix.SYS_READ && key.In.Attrs&uint16(bpf.ObjectFdAttrFD_OVERLAY) != 0:
						read += c.Bytes
					}
				}
			}
			if copied != text || read != 2*text {
				t.Errorf("%d bytes were copied from and to who knows what, and %d read on the overlay; want %d and %d", copied, read, text, 2*text)
			}
		})
	}
}

// takeNotes makes calls of which all is counted that there is: bytes, errors, what was cut, how long they took and waited.
func takeNotes() {
	file, err1 := unix.MemfdCreate("notes", 0)
	ends, err2 := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	for i := range 5 {
		_, err1 = unix.Pwrite(file, make([]byte, 10+i), 0)
		_, err2 = unix.Write(ends[0], make([]byte, 20+i))
		_, _, err3 := unix.Recvfrom(ends[1], make([]byte, 7), unix.MSG_TRUNC)
		_, _, again := unix.Recvfrom(ends[1], make([]byte, 7), unix.MSG_DONTWAIT)
		_, err4 := unix.Ppoll(nil, &unix.Timespec{Nsec: 1e6}, nil)
		if err := errors.Join(err1, err2, err3, err4); err != nil || !errors.Is(again, unix.EAGAIN) {
			panic(err)
		}
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 64))
}

// What threads have counted goes to their process when they end, all of it, and once.
func TestFollowFolds(t *testing.T) {
	oncePerMachine(t)
	t.Setenv(asProgram, "notes")
	tr := start(t, Options{Programs: &DefaultPrograms, Copies: ledger.Derived, Sockets: true, Latency: true})
	var before *ledger.Process
	byComm, s := told(t, tr, func() {
		s, err := tr.Programs(true)
		if err != nil || len(s.Alive) != 1 {
			t.Fatalf("%d processes live: %v", len(s.Alive), err)
		}
		before = s.Alive[0]
	}, os.Args[0])
	checkBalance(t, byComm, s)
	p := byComm[before.Comm]
	noted := 0
	for key, c := range before.Calls {
		switch key.Nr {
		case unix.SYS_PWRITE64, unix.SYS_RECVFROM, unix.SYS_PPOLL:
			noted++
			if c.TimeNs == 0 || p.Calls[key] != c {
				t.Errorf("%s: %+v became %+v", syscalls.Name(key.Nr), c, p.Calls[key])
			}
			if key.Nr == unix.SYS_RECVFROM && key.Flags == unix.MSG_TRUNC && c.Cut == 0 || key.Nr == unix.SYS_PPOLL && c.Blocked == 0 {
				t.Errorf("%s: nothing to compare: %+v", syscalls.Name(key.Nr), c)
			}
		}
	}
	if noted < 4 {
		t.Errorf("%d kinds of calls, want 4", noted)
	}
}
