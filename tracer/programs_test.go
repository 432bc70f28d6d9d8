//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// follow runs a command, and returns what was counted of it, folded by the kernel's name of each process, and of all.
func follow(t *testing.T, size Programs, argv ...string) (byComm map[string]*ledger.Process, last *ledger.ProgramSnapshot) {
	t.Helper()
	tr, cmd := followed(t, Options{Programs: &size, Sockets: true, Copies: ledger.Derived}, argv...)
	return gather(t, tr, cmd)
}

// gather counts until all has ended.
func gather(t *testing.T, tr *Tracer, cmd *exec.Cmd) (byComm map[string]*ledger.Process, last *ledger.ProgramSnapshot) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	byComm = map[string]*ledger.Process{}
	limit := time.After(2 * time.Minute) // on a busy machine
	for over := false; ; {
		s, err := tr.Programs()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range append(s.Ended, s.Alive...) {
			if p.EndedNS == 0 && (!over || p.ID != 0 || s.Following.BegunNs == 0) {
				continue
			}
			if had := byComm[p.Comm]; had != nil {
				had.Fold(p)
			} else {
				byComm[p.Comm] = p
			}
		}
		if over && s.Following.BegunNs > 0 && len(s.Alive) == min(1, int(s.Following.NoProcess)) {
			return byComm, s
		}
		select {
		case err := <-ended:
			over = true
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Millisecond): // a snapshot takes time from what it is of
		case <-limit:
			t.Fatalf("%d processes do not end: %+v", len(s.Alive), s.Following)
		}
	}
}

// followed is a command that is counted from its first instruction on.
func followed(t *testing.T, opts Options, argv ...string) (*Tracer, *exec.Cmd) {
	t.Helper()
	tr := start(t, opts)
	return tr, begin(t, tr, nil, nil, argv...)
}

// begin begins such a command.
func begin(t *testing.T, tr *Tracer, stdin, stdout *os.File, argv ...string) *exec.Cmd {
	t.Helper()
	wait, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer wait.Close()
	begins, ready, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer begins.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", `echo >&4; read go <&3; exec 3<&- 4>&-; exec "$@"`, "sh"}, argv...)...)
	cmd.ExtraFiles = []*os.File{wait, ready}
	cmd.Stderr = os.Stderr
	if stdin != nil {
		cmd.Stdin, cmd.Stdout = stdin, stdout
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready.Close()
	if _, err := begins.Read(make([]byte, 1)); err != nil { // then the shell's own exec is over
		t.Fatal(err)
	}
	if err := tr.Follow(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(release, "go")
	release.Close()
	return cmd
}

func checkBalance(t *testing.T, byComm map[string]*ledger.Process, s *ledger.ProgramSnapshot) {
	t.Helper()
	for comm, p := range byComm {
		t.Logf("%s: %d processes, %d threads, rchar %d of %d + %d, wchar %d of %d, switches %d+%d, kernel %d+%d, unwatched %d, raced %d", comm, p.Folded, p.Threads,
			p.Io.Rchar, p.Counted.Rchar, p.KernelRead, p.Io.Wchar, p.Counted.Wchar, p.Voluntary, p.Involuntary, p.Task.Nvcsw, p.Task.Nivcsw, p.Unwatched, p.Raced)
		if p.Unbalanced != [3]uint64{} {
			t.Errorf("%s: unbalanced by %v", comm, p.Unbalanced)
		}
	}
	f := s.Following
	if n := f.LateTasks + f.NoProcess + f.NoCell + f.CompatCalls + f.UncountedCalls; n != 0 {
		t.Errorf("losses: %+v", f)
	}
	for _, m := range s.Missed {
		if m.Events > 0 {
			t.Errorf("%s missed %d", m.Hook, m.Events)
		}
	}
}

// A command counts from its first instruction, and nothing of what was before it: 64 reads and writes of 1 MiB.
func TestFollowOne(t *testing.T) {
	oncePerMachine(t)
	byComm, s := follow(t, DefaultPrograms, "dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=64", "status=none")
	checkBalance(t, byComm, s)
	p := byComm["dd"]
	if p == nil || len(byComm) != 1 || p.ExitCode != 0 {
		t.Fatalf("%d processes", len(byComm))
	}
	for _, nr := range []uint32{unix.SYS_READ, unix.SYS_WRITE} {
		var calls, bytes uint64
		for key, c := range p.Calls {
			if key.Nr == nr && (key.In.Format == unix.S_IFCHR || key.Out.Format == unix.S_IFCHR) {
				calls, bytes = calls+c.Calls, bytes+c.Bytes
			}
		}
		if calls != 64 || bytes != 64<<20 {
			t.Errorf("call %d: %d calls, %d bytes", nr, calls, bytes)
		}
	}
}

// 1,000 processes that end at once use far fewer places than there are of them.
func TestFollowForks(t *testing.T) {
	oncePerMachine(t)
	forks := 1000
	if testing.Short() { // in guests
		forks = 50
	}
	byComm, s := follow(t, DefaultPrograms, "sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do /bin/true; i=$((i+1)); done", forks))
	checkBalance(t, byComm, s)
	if p := byComm["true"]; p == nil || p.Folded != int64(forks) {
		t.Fatalf("%+v", p)
	}
}

// With places for two threads and two processes all calls are counted all the same.
func TestFollowWithoutRoom(t *testing.T) {
	oncePerMachine(t)
	byComm, s := follow(t, Programs{Threads: 2, Processes: 2}, "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=/dev/null bs=64K count=16 status=none & done; wait")
	f := s.Following
	if f.NoProcess == 0 || f.NoSlot == 0 {
		t.Errorf("there was room: %+v", f)
	}
	if n := f.LateTasks + f.NoCell + f.CompatCalls + f.UncountedCalls; n != 0 {
		t.Errorf("losses: %+v", f)
	}
	var bytes uint64
	for _, p := range byComm {
		for key, c := range p.Calls {
			if key.Nr == unix.SYS_WRITE {
				bytes += c.Bytes
			}
		}
	}
	if bytes != 8*16*64<<10 {
		t.Errorf("%d bytes were written, want %d", bytes, 8*16*64<<10)
	}
}

// A handler of a signal returns by a call that has no number at its exit. What was in the registers then is no error.
func TestFollowSignals(t *testing.T) {
	oncePerMachine(t)
	byComm, s := follow(t, DefaultPrograms, "sh", "-c", "trap : USR1; i=0; while [ $i -lt 100 ]; do kill -USR1 $$; i=$((i+1)); done")
	checkBalance(t, byComm, s)
	var returns, others uint64
	for _, p := range byComm { // the shell goes by its own name, or by that of what all is in
		for key, c := range p.Calls {
			switch {
			case key.Nr == unix.SYS_RT_SIGRETURN:
				returns += c.Calls - c.Errors
			case key.Nr >= 1<<16:
				others += c.Calls
			}
		}
	}
	if returns != 100 || others != 0 {
		t.Errorf("%d times a handler returned, want 100; %d calls without a name", returns, others)
	}
}

// On an overlay the kernel accounts what copy_file_range copies twice, and that is no loss.
func TestFollowCopyOnAnOverlay(t *testing.T) {
	oncePerMachine(t)
	const n = 1 << 20
	dir := filepath.Dir(fileOn(t, "ext4", n).Name())
	at, err := os.MkdirTemp(dir, "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(at) })
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(at, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at+"/lower/data", make([]byte, n), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("overlay", at+"/merged", "overlay", 0, fmt.Sprintf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", at, at, at)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(at+"/merged", 0) })
	byComm, s := follow(t, DefaultPrograms, "cp", "--sparse=never", at+"/merged/data", at+"/merged/copy")
	checkBalance(t, byComm, s)
	var bytes uint64
	for key, c := range byComm["cp"].Calls {
		if key.Nr == unix.SYS_COPY_FILE_RANGE {
			bytes += c.Bytes
		}
	}
	if bytes != n {
		t.Errorf("%d bytes were copied by copy_file_range, want %d", bytes, n)
	}
}

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

// asTurns has this file execute takeTurns instead of its tests.
const asTurns = "ZCTRACE_TEST_TURNS"

func TestMain(m *testing.M) {
	if os.Getenv(asTurns) != "" {
		takeTurns()
		return
	}
	os.Exit(m.Run())
}

// turns is how often takeTurns opens another file.
const turns = 1000

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
	t.Setenv(asTurns, "1")
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
