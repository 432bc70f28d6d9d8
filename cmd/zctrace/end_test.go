//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cilium/ebpf"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// running starts a run without an end of its own, and returns when it has
// printed its first numbers.
func running(t *testing.T, args ...string) (cmd *exec.Cmd, stdout, stderr *screen) {
	t.Helper()
	return runningStrategy(t, "sendfile", args...)
}

func runningStrategy(t *testing.T, strategy string, args ...string) (cmd *exec.Cmd, stdout, stderr *screen) {
	t.Helper()
	needTracing(t)
	workersAreGone(t)
	cmd = command(t, append([]string{"run", strategy, "--duration", "60s", "--plain", "--interval", "50ms"}, args...)...)
	if os.Getenv("SUDO_UID") == "" { // whose user cannot write there
		cmd.Env = append(cmd.Env, "TMPDIR="+cmd.Dir)
	}
	stdout, stderr = &screen{}, &screen{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "numbers", func() bool { return strings.Contains(stdout.String(), "iB/s") })
	return cmd, stdout, stderr
}

// However a run ends, its totals are printed, its trace is written, the exit
// code says how, and nothing outlives it.
func TestRunsThatEndEarly(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	kill := func(role string) func(*testing.T, *exec.Cmd) {
		return func(t *testing.T, _ *exec.Cmd) {
			signalWorker(t, role, syscall.SIGKILL)
		}
	}
	send := func(s syscall.Signal) func(*testing.T, *exec.Cmd) {
		return func(t *testing.T, cmd *exec.Cmd) {
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name  string
		do    func(*testing.T, *exec.Cmd)
		code  int
		ended trace.Ended
		says  string
	}{
		{"Ctrl-C", send(syscall.SIGINT), 130, trace.Interrupted, ""},
		{"SIGTERM", send(syscall.SIGTERM), 143, trace.Interrupted, ""},
		{"the sender is killed", kill("sender"), 1, trace.Failed, "the sender was killed by SIGKILL"},
		{"the receiver is killed", kill("receiver"), 1, trace.Failed, "the receiver was killed by SIGKILL"},
	} {
		for _, sink := range []string{"tcp", "pipe"} {
			t.Run(test.name+", "+sink, func(t *testing.T) {
				cmd, stdout, stderr := running(t, "--sink", sink, "--json", "t.json")
				test.do(t, cmd)
				if code := exitStatus(t, cmd.Wait()); code != test.code {
					t.Errorf("exit code %d, want %d", code, test.code)
				}
				if !strings.Contains(stderr.String(), test.says) {
					t.Errorf("it says %q, want %q in it", stderr, test.says)
				}
				file := filepath.Join(cmd.Dir, "t.json")
				tr := readTrace(t, file)
				if tr.Run.Ended != test.ended {
					t.Errorf("it ended %q, want %q", tr.Run.Ended, test.ended)
				}
				n := tr.Total.Sender.PayloadBytes.Or(0)
				if refs := tr.Total.Sender.Moved.PageRefs.Bytes.Or(-1); n == 0 || test.code != 1 && refs != n {
					t.Errorf("payload %d, page_refs %d", n, refs)
				}
				if !strings.Contains(stdout.String(), "moved page_refs") {
					t.Errorf("the totals were not printed:\n%s", stdout)
				}
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				leftovers(t, cmd.Dir)
			})
		}
	}
}

// SIGKILL leaves no time for anything, and still nothing is left behind: of a run
// under way no program, pinned or not, no process and no file.
func TestKilledItself(t *testing.T) {
	oncePerMachine(t)
	cmd, _, _ := running(t)
	programs := programsOf(t, cmd.Process.Pid)
	if len(programs) == 0 {
		t.Fatal("no eBPF program is held by the run: the test would see nothing")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	leftovers(t, cmd.Dir)
	areUnloaded(t, programs)
}

// Nor at any moment before.
func TestKilledAtAnyTime(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	held, loading := 0, time.Duration(0)
	for i := range 12 {
		cmd := command(t, "run", "sendfile", "--duration", "60s", "--plain", "--sink", "file:sink", "--json", "t.json")
		cmd.Env = append(cmd.Env, "TMPDIR="+cmd.Dir)
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // how long it is from the beginning to the middle depends on the machine
			eventually(t, "programs are loaded", func() bool { return len(programsOf(t, cmd.Process.Pid)) > 0 })
			loading = time.Since(began)
		} else {
			time.Sleep(loading * time.Duration(i*i) / 40)
		}
		programs := programsOf(t, cmd.Process.Pid)
		held += len(programs)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.Remove(filepath.Join(cmd.Dir, "sink")) // the user's own, by its name
		leftovers(t, cmd.Dir)
		areUnloaded(t, programs)
	}
	if held == 0 {
		t.Error("no program was loaded at any of these moments: the test saw nothing")
	}
}

func areUnloaded(t *testing.T, programs []ebpf.ProgramID) {
	t.Helper()
	for _, id := range programs { // the kernel frees them after a grace period
		eventually(t, fmt.Sprintf("eBPF program %d is unloaded", id), func() bool {
			p, err := ebpf.NewProgramFromID(id)
			if err == nil {
				p.Close()
			}
			return errors.Is(err, fs.ErrNotExist)
		})
	}
}

// programsOf are the eBPF programs that a process holds open.
func programsOf(t *testing.T, pid int) []ebpf.ProgramID {
	t.Helper()
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	var ids []ebpf.ProgramID
	for _, info := range infos {
		text, _ := os.ReadFile(info)
		for line := range strings.Lines(string(text)) {
			var id ebpf.ProgramID
			if n, _ := fmt.Sscanf(line, "prog_id: %d", &id); n == 1 {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// A receiver that is stopped keeps the sender from ending by itself.
func TestStalledReceiver(t *testing.T) {
	oncePerMachine(t)
	cmd, _, stderr := running(t)
	signalWorker(t, "receiver", syscall.SIGSTOP)
	time.Sleep(200 * time.Millisecond) // until the socket's buffers are full
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := exitStatus(t, cmd.Wait()); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if !strings.Contains(stderr.String(), "is a worker stopped?") {
		t.Errorf("it says %q", stderr)
	}
	leftovers(t, cmd.Dir)
}

// --json - puts the JSON alone on standard output.
func TestJSONToStdout(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	r := zctrace(t, "run", "sendfile", "--bytes", "1MiB", "--json", "-")
	if r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	validateSchema(t, []byte(r.stdout))
	if !strings.Contains(r.stderr, "moved page_refs") {
		t.Errorf("the table is not on stderr: %s", r.stderr)
	}
	jq := exec.CommandContext(t.Context(), "jq", ".total.sender.moved.page_refs.bytes")
	jq.Stdin = strings.NewReader(r.stdout)
	if out, err := jq.Output(); err != nil || strings.TrimSpace(string(out)) != "1048576" {
		t.Errorf("jq prints %q, %v; want 1048576", out, err)
	}
}

// Files that are none are written in place; a full one is an error that says so.
func TestOutputOntoOddFiles(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	args := []string{"run", "sendfile", "--bytes", "1MiB", "--json"}
	t.Run("/dev/null", func(t *testing.T) {
		if r := zctrace(t, append(args, "/dev/null")...); r.code != 0 {
			t.Errorf("exit code %d: %s", r.code, r.stderr)
		}
		if info, err := os.Stat("/dev/null"); err != nil || info.Mode()&os.ModeCharDevice == 0 {
			t.Errorf("/dev/null is now %v, %v", info.Mode(), err)
		}
	})
	t.Run("a fifo", func(t *testing.T) {
		fifo := filepath.Join(t.TempDir(), "fifo")
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		got := make(chan []byte, 1)
		go func() {
			data, _ := os.ReadFile(fifo)
			got <- data
		}()
		if r := zctrace(t, append(args, fifo)...); r.code != 0 {
			t.Fatalf("exit code %d: %s", r.code, r.stderr)
		}
		if data := <-got; !json.Valid(data) {
			t.Errorf("the fifo carried %d bytes that are no JSON", len(data))
		}
	})
	t.Run("a full device", func(t *testing.T) {
		r := zctrace(t, append(args, "/dev/full")...)
		if r.code != exitFailed || !strings.Contains(r.stderr, "no space left") {
			t.Errorf("exit code %d: %s", r.code, r.stderr)
		}
	})
	t.Run("a full disk", func(t *testing.T) {
		dir := t.TempDir()
		if err := unix.Mount("none", dir, "tmpfs", 0, "size=4096"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Unmount(dir, 0) }()
		file := filepath.Join(dir, "t.json")
		r := zctrace(t, append(args, file)...)
		if r.code != exitFailed || !strings.Contains(r.stderr, "no space left") || !strings.Contains(r.stdout, "moved page_refs") {
			t.Errorf("exit code %d: %s", r.code, r.stderr)
		}
		leftovers(t, dir)
	})
}

// So is standard output, whatever the shell makes of it.
func TestOutputOntoOddStandardOutput(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	run := []string{"run", "sendfile", "--bytes", "1MiB"}
	for _, test := range []struct {
		name, redirection string
		args              []string
		code              int
		says              string
	}{
		{"closed standard output for JSON", ">&-", append(run, "--json", "-"), exitFailed, "standard output is closed"},
		{"closed standard output for text", ">&-", run, 0, "standard output is closed"},
		{"text to /dev/null", ">/dev/null", run, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := command(t, test.args...)
			cmd.Args = append([]string{"sh", "-c", `exec "$@" ` + test.redirection, "sh"}, cmd.Args...)
			cmd.Path = "/bin/sh"
			r := finish(t, cmd)
			said := r.stderr
			for line := range strings.Lines(r.stderr) { // what a slow machine is busy with
				if strings.HasSuffix(line, " ...\n") {
					said = strings.Replace(said, line, "", 1)
				}
			}
			if r.code != test.code || !strings.Contains(said, test.says) || test.says == "" && said != "" {
				t.Errorf("exit code %d: %s", r.code, r.stderr)
			}
		})
	}
	t.Run("a pipe whose reader is gone", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := command(t, "run", "sendfile", "--duration", "60s", "--interval", "20ms", "--plain")
		cmd.Stdout = w
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		_, _ = io.ReadFull(r, make([]byte, 10))
		r.Close()
		if code := exitStatus(t, cmd.Wait()); code != exitFailed || !strings.Contains(stderr.String(), "broken pipe") {
			t.Errorf("exit code %d: %s", code, &stderr)
		}
		workersAreGone(t)
	})
}

// show prints what the run printed, without rights.
func TestShowPrintsTheSameTable(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, strategy := range workloads.AllNames() {
		dir := t.TempDir()
		args := []string{"run", strategy, "--bytes", "8MiB", "--plain", "--json", filepath.Join(dir, "t.json")}
		cmd := command(t, append(args, sinksOf(strategy, sinkFor(strategy))...)...)
		r := finish(t, cmd)
		shown := zctrace(t, "show", filepath.Join(dir, "t.json"))
		if r.code != 0 || shown.code != 0 {
			t.Fatalf("exit codes %d, %d: %s%s", r.code, shown.code, r.stderr, shown.stderr)
		}
		if !strings.HasSuffix(r.stdout, "\n\n"+shown.stdout) {
			t.Errorf("the run printed\n%s\nand show\n%s", r.stdout, shown.stdout)
		}
	}
}

func TestExpect(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	args := []string{"--bytes", "1MiB", "--plain", "--expect", "sender.copies.from_user == 0", "--expect", "sender.payload_bytes == 1MiB"}
	if r := zctrace(t, append([]string{"run", "sendfile"}, args...)...); r.code != 0 {
		t.Errorf("sendfile: exit code %d: %s", r.code, r.stderr)
	}
	r := zctrace(t, append([]string{"run", "read-write"}, args...)...)
	if r.code != exitExpectation || !strings.Contains(r.stderr, "sender.copies.from_user == 0: found 1048576") {
		t.Errorf("read-write: exit code %d: %s", r.code, r.stderr)
	}
}

// A run that moved nothing shows nothing.
func TestExpectNothing(t *testing.T) {
	oncePerMachine(t)
	expectations, err := parseExpectations([]string{"sender.copies.from_user == 0"})
	if err != nil {
		t.Fatal(err)
	}
	err = conclude(t.Context(), &trace.Trace{}, nil, expectations)
	if exitCode(err) != exitExpectation || !strings.Contains(err.Error(), "nothing was transferred") {
		t.Errorf("it ends with %v", err)
	}
}

// One corrupted byte is found, wherever the payload goes.
func TestVerifyFindsACorruptedByte(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, sink := range []string{"tcp", "unix", "pipe", "file"} {
		t.Run(sink, func(t *testing.T) {
			cmd := command(t, "run", "read-write", "--bytes", "1MiB", "--sink", sink, "--verify", "--plain", "--json", "t.json")
			cmd.Env = append(cmd.Env, "ZCTRACE_TEST_CORRUPT_AT=777777")
			r := finish(t, cmd)
			if r.code != exitFailed || !strings.Contains(r.stderr, "byte 777777 ") {
				t.Errorf("exit code %d: %s", r.code, r.stderr)
			}
			tr := readTrace(t, filepath.Join(cmd.Dir, "t.json"))
			if tr.Run.Verified == nil || *tr.Run.Verified || tr.Run.Ended != trace.Failed {
				t.Errorf("verified %v, ended %q; want false, failed", tr.Run.Verified, tr.Run.Ended)
			}
		})
	}
}

// --baseline does the same work untraced, and says what tracing cost.
func TestBaseline(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	cmd := command(t, "run", "sendfile", "--bytes", "64MiB", "--baseline", "--plain", "--json", "t.json")
	if r := finish(t, cmd); r.code != 0 || !strings.Contains(r.stdout, "tracing cost: ") {
		t.Fatalf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	tr := readTrace(t, filepath.Join(cmd.Dir, "t.json"))
	want{"sender.payload_bytes": payload, "sender.syscalls.calls": 1024, "sender.moved.page_refs": payload}.check(t, tr)
	if ns := tr.Run.UntracedElapsedNS.Or(0); ns <= 0 {
		t.Errorf("the untraced run took %d ns", ns)
	}
}
