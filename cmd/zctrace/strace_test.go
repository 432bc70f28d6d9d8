//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// transferring are the calls that move bytes, which strace is asked for.
const transferring = "read,pread64,readv,preadv,preadv2,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range," +
	"splice,tee,vmsplice,sendto,sendmsg,sendmmsg,recvfrom,recvmsg,recvmmsg,process_vm_readv,process_vm_writev"

// straceArgs are for strace to write them all to a file, one a line.
func straceArgs(file string) []string {
	// With its filter (--seccomp-bpf) strace 6.1 loses calls after an execve by a thread that is not the first.
	return []string{"-f", "-qq", "-s", "0", "-e", "signal=none", "-e", "trace=execve," + transferring, "-o", file}
}

// straced is what strace says of a command's calls.
func straced(t *testing.T, cmd ...string) (map[string]moved, account) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		cannot(t, "no strace: make deps installs it")
	}
	out := filepath.Join(t.TempDir(), "strace")
	own := keep(t, exec.Command("strace", append(straceArgs(out), cmd...)...))
	file, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sums, err := readStrace(file)
	if err != nil {
		t.Fatal(err)
	}
	return sums, own
}

var (
	straceLine = regexp.MustCompile(`^(?:\d+ +)?(?:<\.\.\. )?(\w+)(?:\(| resumed>).* = (-?\d+|\?)(?: ([A-Z]+)| <unavailable>)?`)
	noResult   = regexp.MustCompile(`<(?:unfinished|pid changed to \d+) \.\.\.>(?:\)? += \?)?$|\+\+\+|---|\[ Process PID=`)
)

// readStrace adds up what strace -f wrote. Calls that a signal cut short and that are made again do
// not count, and neither do those that did not return.
func readStrace(from io.Reader) (map[string]moved, error) {
	sums := map[string]moved{}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		line := lines.Text()
		found := straceLine.FindStringSubmatch(line)
		switch {
		case found == nil && noResult.MatchString(line):
		case found == nil:
			return nil, fmt.Errorf("strace wrote %q", line)
		case found[1] == "execve" || found[2] == "?" || strings.HasPrefix(found[3], "ERESTART"):
		case found[2] == "-1":
			sums[found[1]] = sums[found[1]].plus(moved{failed: 1})
		default:
			n, err := strconv.ParseInt(found[2], 10, 64)
			if err != nil {
				return nil, err
			}
			sums[found[1]] = sums[found[1]].plus(moved{calls: 1, bytes: n})
		}
	}
	return sums, lines.Err()
}

func TestReadStrace(t *testing.T) {
	oncePerMachine(t)
	sums, err := readStrace(strings.NewReader(`12    read(3, ""..., 4096) = 832
13    read(4, "", 4096)       = 0
12    write(1, ""..., 100 <unfinished ...>
13    read(5,  <unfinished ...>
12    <... write resumed>)              = 100
13    <... read resumed>0x7ffd, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
13    sendfile(5, 3, [0] => [65536], 65536) = 65536
13    write(9, ""..., 1) = -1 EAGAIN (Resource temporarily unavailable)
14    read(6,  <unfinished ...>) = ?
15    write(6, ""..., 5 <unfinished ...>
15    <... write resumed>)              = ?
16    execve("/proc/self/exe", [...], 0x7fff0465cc08 /* 35 vars */ <pid changed to 15 ...>
15    +++ superseded by execve in pid 16 +++
15    <... execve resumed>)             = 0
16    recvmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=""..., iov_len=1}], msg_iovlen=1, msg_controllen=0, msg_flags=0}, 0) = 1
14    +++ exited with 0 +++
`))
	want := map[string]moved{"read": {2, 832, 0}, "write": {1, 100, 1}, "sendfile": {1, 65536, 0}, "recvmsg": {1, 1, 0}}
	if err != nil || fmt.Sprint(sums) != fmt.Sprint(want) {
		t.Errorf("%v, want %v (%v)", sums, want, err)
	}
	if _, err := readStrace(strings.NewReader("12 what is this\n")); err == nil {
		t.Error("a line that is no call's is taken for one")
	}
}

// The programs that others are held to keep account of themselves as strace and as the kernel do.
func TestProgramsKeepAccount(t *testing.T) {
	oncePerMachine(t)
	path, measure := program(t)
	nothing := keep(t, exec.Command(measure, "measure", path, "forks", "0"))
	perExec := nothing.said("io", "rchar")
	for _, f := range append(follows(200), follow{args: []string{"core"}}) {
		t.Run(f.name(), func(t *testing.T) {
			own := keep(t, exec.Command(measure, append([]string{"measure", path}, f.args...)...))
			delete(own, [2]string{"read", "proc"}) // measure's own
			rchar, wchar := readAndWritten(own.byCall())
			if got, want := own.said("io", "rchar"), rchar+(1+f.execs)*perExec; !f.killed && got != want {
				t.Errorf("the kernel has %d bytes read, the program %d, with %d execs", got, want, 1+f.execs)
			}
			got := own.said("io", "wchar")
			if f.args[0] == "core" {
				if dump := got - wchar; dump < 100000/2 {
					t.Errorf("a core dump of %d bytes", dump)
				}
			} else if !f.killed && got != wchar {
				t.Errorf("the kernel has %d bytes written, the program %d", got, wchar)
			}
			if f.killed {
				if got == 0 {
					t.Error("nothing was written")
				}
				return
			}
			seen, own := straced(t, append([]string{path}, f.args...)...)
			for call, m := range own.byCall() {
				if seen[call] != m {
					t.Errorf("%s: strace has %+v, the program %+v", call, seen[call], m)
				}
			}
			if len(seen) != len(own.byCall()) {
				t.Errorf("strace has %v, the program %v", seen, own.byCall())
			}
		})
	}
}
