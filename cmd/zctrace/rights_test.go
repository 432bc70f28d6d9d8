//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// CAP_BPF and CAP_PERFMON are all that it takes: a user with exactly these gets the
// same numbers, by the engine that root gets. Where programs must be at perf's events, it takes the right to read
// their numbers, too.
func TestExactlyTwoCapabilities(t *testing.T) {
	needTracing(t)
	if os.Geteuid() != 0 {
		cannot(t, "only root can give them (run as root)")
	}
	dir := worldWritable(t)
	capabilities := []uintptr{unix.CAP_BPF, unix.CAP_PERFMON}
	binary := filepath.Join(dir, "zctrace") // where that user may execute it
	copyFile(t, os.Args[0], binary)
	with := func(args ...string) *exec.Cmd {
		cmd := command(t, append([]string{"run", "--bytes", "1MiB", "--source", "auto:1MiB", "--plain"}, args...)...)
		cmd.Path, cmd.Dir = binary, dir
		cmd.Env = append(cmd.Env, "TMPDIR="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
			AmbientCaps: capabilities,
		}
		return cmd
	}
	if atPerfEvents(traced(t, "sendfile", "--bytes", "4KiB")) { // whose numbers stand where root alone may look
		failsWith(t, finish(t, with("sendfile")), exitUnsupported, "no permission to read /sys/kernel/", "or with CAP_DAC_READ_SEARCH")
		capabilities = append(capabilities, unix.CAP_DAC_READ_SEARCH)
		allowPerfEvents(t)
	}
	strategies := []string{"io-uring", "read-write", "sendfile"}
	if testing.Short() {
		strategies = strategies[:1] // that with the most hooks
	}
	for _, strategy := range strategies {
		t.Run(strategy, func(t *testing.T) {
			got := unskipped(t, func() *trace.Trace {
				file := filepath.Join(dir, strategy+".json")
				if r := finish(t, with(strategy, "--json", file)); r.code != 0 {
					t.Fatalf("exit code %d: %s", r.code, r.stderr)
				}
				return readTrace(t, file)
			})
			asRoot := tracedUnskipped(t, strategy, "--bytes", "1MiB", "--source", "auto:1MiB")
			if got.Run.Engine != asRoot.Run.Engine {
				t.Errorf("engine %s, and %s for root", got.Run.Engine, asRoot.Run.Engine)
			}
			for name, pair := range map[string][2]trace.Int{
				"copies.to_user":   {got.Total.Sender.Copies.ToUser.Bytes, asRoot.Total.Sender.Copies.ToUser.Bytes},
				"copies.from_user": {got.Total.Sender.Copies.FromUser.Bytes, asRoot.Total.Sender.Copies.FromUser.Bytes},
				"moved.page_refs":  {got.Total.Sender.Moved.PageRefs.Bytes, asRoot.Total.Sender.Moved.PageRefs.Bytes},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s is %v, and %v for root", name, pair[0], pair[1])
				}
			}
		})
	}
	if runtime.GOARCH == "amd64" { // breakpoints on the kernel's code take more
		r := finish(t, with("sendfile", "--copies", "breakpoint"))
		failsWith(t, r, exitUnsupported, "engine breakpoint does not work here", "take --copies auto; or run it with sudo")
	}
}

// allowPerfEvents has the kernel ask for CAP_PERFMON and no more, which Debian's do not do as they are installed.
func allowPerfEvents(t *testing.T) {
	t.Helper()
	const sysctl = "/proc/sys/kernel/perf_event_paranoid"
	was, err := os.ReadFile(sysctl)
	if err != nil {
		t.Fatal(err)
	}
	if level, err := strconv.Atoi(strings.TrimSpace(string(was))); err == nil && level <= 2 {
		return
	}
	if !inGuest() { // it would be everybody's on this machine
		cannot(t, "kernel.perf_event_paranoid keeps perf's events from all without CAP_SYS_ADMIN: sysctl kernel.perf_event_paranoid=2")
	}
	t.Cleanup(func() { _ = os.WriteFile(sysctl, was, 0) })
	if err := os.WriteFile(sysctl, []byte("2"), 0); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// In a directory that all may write to, somebody else's link leads no file of ours
// anywhere: --json and the dashboard's key s replace the link, --sink refuses it.
func TestSymbolicLinksAreNotFollowed(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	dir := worldWritable(t)
	victims := t.TempDir()
	link := func(to, name string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	victim, empty, none := filepath.Join(victims, "victim"), filepath.Join(victims, "empty"), filepath.Join(victims, "none")
	for path, text := range map[string]string{victim: "precious", empty: ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := []string{"run", "sendfile", "--source", "auto:1MiB", "--bytes", "1MiB", "--plain"}
	for i, to := range []string{victim, empty, none} {
		file := link(to, fmt.Sprint("trace", i))
		if r := zctrace(t, append(run, "--json", file)...); r.code != 0 {
			t.Errorf("--json: exit code %d: %s", r.code, r.stderr)
		}
		if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
			t.Errorf("the trace is no file of its own: %v, %v", info, err)
		}
		readTrace(t, file)
		r := zctrace(t, append(run, "--sink", "file:"+link(to, fmt.Sprint("sink", i)))...)
		failsWith(t, r, exitUsage, "is a symbolic link, which is not followed", "name the file")
	}
	t.Run("the key s", func(t *testing.T) {
		t.Chdir(dir)
		now := time.Now()
		for second := range 5 {
			link(victim, "zctrace-sendfile-"+now.Add(time.Duration(second)*time.Second).Format("20060102-150405")+".json")
		}
		path, err := (&frontEnd{}).saveNow(&trace.Trace{Schema: trace.Schema, Run: trace.Run{Strategy: "sendfile"}})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			t.Errorf("the trace is no file of its own: %v, %v", info, err)
		}
	})
	if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
		t.Errorf("the file that the links lead to has %q now, %v", text, err)
	}
	if info, err := os.Stat(empty); err != nil || info.Size() != 0 {
		t.Errorf("the empty file is no longer: %v, %v", info, err)
	}
	if _, err := os.Lstat(none); err == nil {
		t.Error("a file was made where a link led to")
	}
}

// All that a run and serve listen at, or are connected by, is the loopback device's,
// unless another address was given.
func TestNothingBeyondLoopback(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	server := serving()
	address := startServer(t, server)
	if !strings.HasPrefix(address, "127.0.0.1:") {
		t.Errorf("serve listens on %s by itself", address)
	}
	cmd, _, _ := running(t)
	pids := []int{cmd.Process.Pid, server.Process.Pid}
	for _, pid := range workerPIDs(t) {
		pids = append(pids, pid)
	}
	sockets := 0
	for _, pid := range pids {
		for _, local := range inetSockets(t, pid) {
			sockets++
			if !strings.HasPrefix(local, "0100007F:") { // 127.0.0.1 as proc_pid_net(5) has it, on a little-endian machine
				t.Errorf("process %d has a socket at %s", pid, local)
			}
		}
	}
	if sockets < 3 { // serve's, the sender's and the receiver's
		t.Errorf("%d sockets found: the test sees not all of them", sockets)
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait()
}

// inetSockets are the local addresses of a process's TCP and UDP sockets.
func inetSockets(t *testing.T, pid int) (locals []string) {
	t.Helper()
	owned := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
			owned[strings.Trim(to, "socket:[]")] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue // no such protocol here
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if fields := strings.Fields(lines.Text()); len(fields) > 9 && owned[fields[9]] {
				locals = append(locals, fields[1])
			}
		}
		f.Close()
	}
	return locals
}
