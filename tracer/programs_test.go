//go:build linux

package tracer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/syscalls"
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
	return gatherEach(t, tr, cmd, 20*time.Millisecond, func(*ledger.ProgramSnapshot) {}) // a snapshot takes time from what it is of
}

// gatherEach does so at this pace.
func gatherEach(t *testing.T, tr *Tracer, cmd *exec.Cmd, pace time.Duration, each func(*ledger.ProgramSnapshot)) (byComm map[string]*ledger.Process, last *ledger.ProgramSnapshot) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	byComm = map[string]*ledger.Process{}
	limit := time.After(2 * time.Minute) // on a busy machine
	for over := false; ; {
		s, err := tr.Programs(true)
		if err != nil {
			t.Fatal(err)
		}
		each(s)
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
		case <-time.After(pace):
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
	if n := f.LateTasks + f.NoProcess + f.NoCell + f.CompatCalls + f.UncountedCalls + uint64(s.Unsteady); n != 0 {
		t.Errorf("losses: %+v, %d unsteady", f, s.Unsteady)
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
	var made uint64 // by calls that return twice, in the child too
	for _, p := range byComm {
		for key, c := range p.Calls {
			if slices.Contains([]string{"clone", "clone3", "fork", "vfork"}, syscalls.Name(key.Nr)) {
				made += c.Calls
			}
		}
	}
	if made != uint64(forks) {
		t.Errorf("%d calls have made %d processes", made, forks)
	}
	if f := s.Following; f.Threads.Fresh > 4 || f.Processes.Fresh > uint64(max(30, forks/2)) {
		t.Errorf("%d threads and %d processes have taken a place", f.Threads.Fresh, f.Processes.Fresh)
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

// overlays is a directory on ext4 with a layer called lower, and how an overlay is mounted there, as NAME/merged.
func overlays(t *testing.T) (at string, mount func(name, lower string)) {
	t.Helper()
	at, err := os.MkdirTemp(filepath.Dir(fileOn(t, "ext4", 1).Name()), "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(at) })
	if err := os.Mkdir(at+"/lower", 0o700); err != nil {
		t.Fatal(err)
	}
	return at, func(name, lower string) {
		t.Helper()
		for _, layer := range []string{"upper", "work", "merged"} {
			if err := os.MkdirAll(filepath.Join(at, name, layer), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := unix.Mount("overlay", at+"/"+name+"/merged", "overlay", 0, fmt.Sprintf("lowerdir=%s/%s,upperdir=%s/%s/upper,workdir=%[1]s/%[4]s/work", at, lower, at, name)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(at+"/"+name+"/merged", 0) })
	}
}

// On an overlay the kernel accounts what copy_file_range copies twice, and that is no loss; neither is it on an overlay that is on another, whose
// upper layer is on none. What is not in that is not copied there.
func TestFollowCopyOnAnOverlay(t *testing.T) {
	oncePerMachine(t)
	const n = 1 << 20
	at, mount := overlays(t)
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(at, name), make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("lower/low")
	mount("one", "lower")
	mount("two", "one/merged")
	write("one/merged/middle")
	write("two/merged/high")
	for _, test := range []struct {
		dir, file string
		copied    uint64 // by copy_file_range
	}{{"one", "low", n}, {"one", "middle", n}, {"two", "low", 0}, {"two", "middle", 0}, {"two", "high", n}} {
		t.Run(test.dir+" "+test.file, func(t *testing.T) {
			merged := filepath.Join(at, test.dir, "merged")
			byComm, s := follow(t, DefaultPrograms, "cp", "--sparse=never", filepath.Join(merged, test.file), filepath.Join(merged, "copy of "+test.file))
			checkBalance(t, byComm, s)
			var bytes uint64
			for key, c := range byComm["cp"].Calls {
				if key.Nr == unix.SYS_COPY_FILE_RANGE {
					bytes += c.Bytes
				}
			}
			if bytes != test.copied {
				t.Errorf("%d bytes were copied by copy_file_range, want %d", bytes, test.copied)
			}
		})
	}
}

// A thread without a slot does not note what the kernel reads for it in an execve that fails: the head of a script whose
// interpreter is not there.
func TestFollowFailedExecWithoutASlot(t *testing.T) {
	oncePerMachine(t)
	script := filepath.Join(t.TempDir(), "script")
	const text = "#!/of/nobody\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	byComm, s := follow(t, Programs{Threads: 1, Processes: 8}, "sh", "-c", script+"; exit 0")
	checkBalance(t, byComm, s)
	var slotless, read uint64
	for _, p := range byComm {
		slotless += p.Slotless
		for key, c := range p.Calls {
			if key.Nr == unix.SYS_EXECVE {
				read += c.KernelRead
			}
		}
	}
	if slotless != 1 || read != uint64(len(text)) {
		t.Errorf("%d threads without a slot; the kernel has read %d bytes for itself, want %d", slotless, read, len(text))
	}
}
