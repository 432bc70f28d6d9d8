//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// real is a program as people use it, which moves the bytes of a file called data, once.
type real struct {
	name    string // in docs/programs.md
	needs   string // what has to be there besides what every system has
	command string // for the shell; in place of 8080 and 8081 there are ports that are free
	small   bool   // data is of 8 MiB, not 64
	peer    string // a command that it talks to, which begins before it
	// client makes a server do its work, and returns how many bytes it had of it; the server is ended then.
	client func(t *testing.T, port int, data []byte) int64
	copied string // the file that has the bytes in the end
	// known are answers known of that much, by call and path: bytes and, unless 0, calls; nothing at all is none.
	known map[[2]string]moved
}

const (
	nginx  = `printf 'daemon off; pid nginx.pid; user root; events {} http { access_log off; sendfile %s; server { listen 127.0.0.1:8080; root .; } }' >nginx.conf; exec nginx -e stderr -p $PWD/ -c nginx.conf`
	iperf  = "exec iperf3 -s -1 -p 8081 -B 127.0.0.1"
	mib64  = 64 * mib
	python = "/usr/bin/python3"
)

// reals are the programs of docs/programs.md, in its order.
var reals = []real{
	{name: "dd", command: "dd if=data of=copy bs=1M", copied: "copy",
		known: map[[2]string]moved{{"write", "user->file"}: {64, mib64, 0}}},
	{name: "cp", command: "cp data copy", copied: "copy",
		known: map[[2]string]moved{{"copy_file_range", "file->file"}: {2, mib64, 0}, {"write", "user->file"}: {}}},
	{name: "cat to a file", command: "cat data >copy", copied: "copy",
		known: map[[2]string]moved{{"copy_file_range", "file->file"}: {2, mib64, 0}, {"write", "user->file"}: {}}},
	{name: "cat to a pipe", command: "cat data | cat >copy", copied: "copy",
		known: map[[2]string]moved{{"write", "user->pipe"}: {512, mib64, 0}, {"read", "pipe->user"}: {0, mib64, 0}, {"write", "user->file"}: {0, mib64, 0}}},
	{name: "tar and gzip", needs: "tar gzip", command: "tar cf - data | gzip -1 >copy.tar.gz", small: true},
	{name: "curl of a file", needs: "curl", command: "curl -s file://$PWD/data -o copy", copied: "copy",
		known: map[[2]string]moved{{"write", "user->file"}: {0, mib64, 0}}},
	{name: "rsync", needs: "rsync", command: "rsync --whole-file data copy", copied: "copy",
		known: map[[2]string]moved{{"write", "user->file"}: {0, mib64, 0}}},
	{name: "Python shutil.copyfile", needs: python, command: python + ` -c 'import shutil; shutil.copyfile("data", "copy")'`, copied: "copy",
		known: map[[2]string]moved{{"sendfile", "file->file"}: {2, mib64, 0}}},
	{name: "Python http.server", needs: python, command: "exec " + python + " -m http.server 8080 --bind 127.0.0.1", client: get,
		known: map[[2]string]moved{{"sendfile", "file->tcp"}: {}}},
	{name: "nginx, sendfile on", needs: "nginx", command: fmt.Sprintf(nginx, "on"), client: get,
		known: map[[2]string]moved{{"sendfile", "file->tcp"}: {0, mib64, 0}}},
	{name: "nginx, sendfile off", needs: "nginx", command: fmt.Sprintf(nginx, "off"), client: get,
		known: map[[2]string]moved{{"sendfile", "file->tcp"}: {}}},
	{name: "Go http.FileServer", command: "exec fileserver 127.0.0.1:8080 .", client: get,
		known: map[[2]string]moved{{"sendfile", "file->tcp"}: {0, mib64 - 512, 0}}},
	{name: "Go http.FileServer, wrapped", command: "exec fileserver 127.0.0.1:8080 . wrapped", client: get,
		known: map[[2]string]moved{{"sendfile", "file->tcp"}: {}}},
	{name: "socat", needs: "socat", command: "exec socat -u TCP-LISTEN:8080,reuseaddr,bind=127.0.0.1 TCP:127.0.0.1:8081",
		peer: "exec socat -u TCP-LISTEN:8081,reuseaddr,bind=127.0.0.1 OPEN:copy,creat", client: send, copied: "copy", small: true,
		known: map[[2]string]moved{{"read", "tcp->user"}: {0, mib64 / 8, 0}, {"write", "user->tcp"}: {0, mib64 / 8, 0}}},
	{name: "iperf3", needs: "iperf3", command: "iperf3 -c 127.0.0.1 -p 8081 -n 64M", peer: iperf},
	{name: "iperf3 -Z", needs: "iperf3", command: "iperf3 -c 127.0.0.1 -p 8081 -n 64M -Z", peer: iperf,
		known: map[[2]string]moved{{"sendfile", "file->tcp"}: {512, mib64, 0}}},
	{name: "iperf3 -Z -u", needs: "iperf3", command: "iperf3 -c 127.0.0.1 -p 8081 -n 64M -Z -u -b 0", peer: iperf,
		known: map[[2]string]moved{{"sendfile", "file->udp"}: {}}},
}

// realRun is what came of one of them, as several say that look at it at the same time.
type realRun struct {
	payload  int64
	seen     *straced // by strace
	own      account  // by the kernel, of it and of all that it waited for
	received int64    // by a client
	program  *trace.Program
}

// realData are the bytes that they move, of 64 MiB and of 8, in files to be linked.
func realData(t *testing.T) (large, small string) {
	t.Helper()
	dir := t.TempDir()
	bytes := make([]byte, mib64)
	_, _ = rand.NewChaCha8([32]byte{17}).Read(bytes) // never fails; no two blocks are alike, and none can be compressed
	for name, n := range map[string]int{"large": mib64, "small": mib64 / 8} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes[:n], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "large"), filepath.Join(dir, "small")
}

// here skips a program that is not installed, unless all have to be.
func (r real) here(t *testing.T) {
	t.Helper()
	for _, name := range strings.Fields(r.needs) {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("ZCTRACE_TEST_PROGRAMS") != "" {
			t.Fatalf("there is no %s: make test-programs installs it", name)
		}
		t.Skipf("there is no %s", name)
	}
}

// run has zctrace, strace and the kernel watch the program.
func (r real) run(t *testing.T, data string) realRun {
	t.Helper()
	path, measure := program(t)
	dir, port, peer := t.TempDir(), freePort(t), freePort(t)
	text, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Link(data, filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	shell := func(command string) string {
		return strings.NewReplacer("8080", strconv.Itoa(port), "8081", strconv.Itoa(peer)).Replace(command)
	}
	env := append(os.Environ(), "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"))
	if r.peer != "" {
		cmd := exec.Command("sh", "-c", shell(r.peer))
		cmd.Dir, cmd.Env = dir, env
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if t.Failed() { // and nobody may have talked to it
				_ = cmd.Process.Kill()
			}
			_ = cmd.Wait() // until it has all
		}()
		listens(t, peer)
	}
	calls, program := filepath.Join(t.TempDir(), "strace"), filepath.Join(t.TempDir(), "p.json")
	args := append([]string{"exec", "--json", program, "--", "strace"}, straceArgs(calls)...)
	line := shell(r.command)
	if r.client != nil {
		line = "echo $$ >pid; " + line
	}
	cmd, file := command(t, append(args, measure, "measure", "sh", "-c", line)...), ledgerFile(t)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = dir, append(env, asProgram+"=1"), []*os.File{file}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := realRun{payload: int64(len(text))}
	ended := 0
	if r.client != nil {
		listens(t, port)
		o.received = r.client(t, port, text)
		ended = end(t, dir)
	}
	if code := exitStatus(t, cmd.Wait()); code != 0 && code != ended {
		t.Fatalf("%s: exit code %d\n%s", strings.Join(cmd.Args, " "), code, &said)
	}
	if r.copied != "" {
		copied, err := os.ReadFile(filepath.Join(dir, r.copied))
		if err != nil || string(copied) != string(text) {
			t.Errorf("%s is not as data (%v)", r.copied, err)
		}
	}
	o.seen, o.own, o.program = readStraceFile(t, calls), readLedger(t, file), readProgram(t, program)
	return o
}

// end ends a server, and returns the exit code that one has that SIGTERM ends.
func end(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGTERM)
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) { // one that ends by itself
		t.Fatal(err)
	}
	return 128 + int(syscall.SIGTERM)
}

// moves says how often single calls moved the payload, where it is a twentieth of it at least.
func (o realRun) moves() string {
	var words []string
	for _, key := range slices.SortedFunc(maps.Keys(o.seen.byPath), func(a, b [2]string) int {
		return cmp.Or(strings.Compare(a[1], b[1]), strings.Compare(a[0], b[0]))
	}) {
		if each := float64(o.seen.byPath[key].bytes) / float64(o.payload); each >= 0.05 {
			words = append(words, fmt.Sprintf("%s `%s` %.1f", key[1], key[0], each))
		}
	}
	return strings.Join(words, ", ")
}

// classes says how often the payload was copied, by class, and how often it moved by reference.
func (o realRun) classes() string {
	rows := func(yield func(*trace.Cost) bool) {
		for i := range o.program.Processes {
			if row := &o.program.Processes[i]; row.Comm != "strace" && !yield(&row.Cost) {
				return
			}
		}
	}
	sum := trace.SumOf(rows)
	var words []string
	for _, class := range []struct {
		name  string
		bytes trace.Int
	}{
		{"to user", sum.Copies.ToUser.Bytes}, {"from user", sum.Copies.FromUser.Bytes}, {"in the kernel", sum.Copies.InKernel.Bytes}, {"by reference", sum.Moved.PageRefs.Bytes},
	} {
		if bytes, known := class.bytes.Get(); !known {
			words = append(words, class.name+" n/a")
		} else if each := float64(bytes) / float64(o.payload); each >= 0.05 {
			words = append(words, fmt.Sprintf("%s %.1f", class.name, each))
		}
	}
	return strings.Join(words, ", ")
}

// agree wants zctrace to say of the program what strace and the kernel say.
func (o realRun) agree(t *testing.T) {
	t.Helper()
	path, measure := program(t)
	nothingLost(t, o.program, "raced_descriptors")
	perExec := keep(t, exec.Command(measure, "measure", path, "forks", "0")).said("io", "rchar")
	theKernels(t, o.program, o.own, "strace", perExec)
	got := callsOf(t, o.program, append(transferring(), metadataCalls...), "strace")
	for _, what := range o.seen.differs(got) {
		t.Error(what)
	}
}

// Real programs are traced while strace and the kernel's own account watch them, too.
func TestRealPrograms(t *testing.T) {
	oncePerMachine(t)
	large, small := realData(t)
	for _, r := range reals {
		t.Run(r.name, func(t *testing.T) {
			r.here(t)
			data := large
			if r.small {
				data = small
			}
			o := r.run(t, data)
			for key, want := range r.known {
				got := o.seen.byPath[key]
				if got.bytes != want.bytes || want.calls != 0 && got.calls != want.calls {
					t.Errorf("%v: %+v, known is %+v", key, got, want)
				}
			}
			o.agree(t)
			if o.received > 0 {
				var sent int64
				for key, m := range o.seen.byPath {
					if strings.HasSuffix(key[1], "->tcp") {
						sent += m.bytes
					}
				}
				if sent != o.received {
					t.Errorf("%d bytes were sent, and %d received", sent, o.received)
				}
			}
			inTheDocs(t, r, o)
		})
	}
}

// inTheDocs wants docs/programs.md to have a row of the program that says this of it. What the kernel copies of a file for
// itself depends on its file system, which is ext4 there.
func inTheDocs(t *testing.T, r real, o realRun) {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(t.TempDir(), &fs); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/programs.md")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("| %s | `%s` | %s | %s |", r.name, strings.ReplaceAll(r.command, "|", `\|`), o.moves(), o.classes())
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| "+r.name+" |") {
			got, compared := strings.TrimSpace(line), want
			if fs.Type != unix.EXT4_SUPER_MAGIC {
				got, compared = got[:strings.LastIndex(got, " | ")], want[:strings.LastIndex(want, " | ")]
			}
			if got != compared {
				t.Errorf("docs/programs.md says\n%s\nand it is\n%s", got, want)
			}
			return
		}
	}
	t.Errorf("docs/programs.md has no row\n%s", want)
}
