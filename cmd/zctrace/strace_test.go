//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readCalls, writeCalls and betweenCalls are the calls that move payload, by the way of a single one, and metadataCalls
// are those that return other bytes; strace is asked for them all.
var (
	readCalls     = []string{"read", "pread64", "readv", "preadv", "preadv2", "recvfrom", "recvmsg"}
	writeCalls    = []string{"write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg"}
	betweenCalls  = []string{"sendfile", "copy_file_range", "splice", "tee"}
	metadataCalls = []string{"getdents64", "getrandom", "getcwd", "readlink", "readlinkat", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr"}
)

func transferring() []string { return slices.Concat(readCalls, writeCalls, betweenCalls) }

// straceArgs are for strace to write them all to a file, one a line, with the files of their descriptors.
func straceArgs(file string) []string {
	// With its filter (--seccomp-bpf) strace 6.1 loses calls after an execve by a thread that is not the first.
	return []string{"-f", "-yy", "-qq", "-s", "0", "-e", "signal=none", "-e", "trace=execve," + strings.Join(append(transferring(), metadataCalls...), ","), "-o", file}
}

// straced is what strace says of calls: by their name, and by name and path of single calls.
type straced struct {
	byCall    map[string]moved
	restarted map[string]int64 // that a signal cut short, and the kernel made again
	byPath    map[[2]string]moved
	// unknown are those whose thread was killed in them, before strace could ask what they returned: of some that is nothing.
	// Their bytes are what they were to move at most. Under straceNameless are those of which it could not even ask which they are.
	unknown map[string]moved
}

// straceNameless is how strace writes of a call of which it does not know which it is.
const straceNameless = "???"

// readStraceFile reads what strace wrote to a file.
func readStraceFile(t testing.TB, path string) *straced {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s, err := readStrace(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	straceBegun  = regexp.MustCompile(`^(\d+) +(\w+|\?\?\?)\((.*)$`)
	straceEnded  = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+|\?\?\?) resumed>(.*)$`)
	straceResult = regexp.MustCompile(`^(.*) = (-?\d+|\?)(?: ([A-Z][A-Z0-9_]*) \(.*\)| \(errno \d+\)| <unavailable>)?$`)
	// What ends a line in place of a result, where an execve, an exit or a signal ends the thread that strace writes of. Behind
	// the first thread's there may be no end of the line.
	straceNever  = regexp.MustCompile(`(?: <detached \.\.\.>| <pid changed to \d+ \.\.\.>|\d+ +\+\+\+ superseded by execve in pid \d+ \+\+\+)$`)
	straceNoCall = regexp.MustCompile(`\+\+\+|---|\[ Process PID=`)
	straceFile   = regexp.MustCompile(`^\d+<(.*)>(?:\(deleted\))?\)? *$`)
)

// readStrace adds up what strace -f wrote.
func readStrace(from io.Reader) (*straced, error) {
	s := &straced{map[string]moved{}, map[string]int64{}, map[[2]string]moved{}, map[string]moved{}}
	begun := map[string][2]string{} // by pid: its call with the arguments
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		line := lines.Text()
		found := straceBegun.FindStringSubmatch(line)
		ended := straceEnded.FindStringSubmatch(line)
		switch {
		case ended != nil:
			found = ended
			found[3] = begun[found[1]][1] + found[3]
			delete(begun, found[1])
		case found == nil && straceNoCall.MatchString(line):
			continue
		case found == nil:
			return nil, fmt.Errorf("strace wrote %q", line)
		}
		result := straceResult.FindStringSubmatch(found[3])
		if args, _, is := strings.Cut(found[3], "<unfinished ...>"); is && result == nil {
			begun[found[1]] = [2]string{found[2], args}
			continue
		}
		if result == nil && straceNever.MatchString(found[3]) {
			result = []string{"", found[3], "?", ""}
		}
		if result == nil {
			return nil, fmt.Errorf("strace wrote %q", line)
		}
		if err := s.add(found[2], result[1], result[2], result[3]); err != nil {
			return nil, fmt.Errorf("strace wrote %q: %w", line, err)
		}
	}
	for _, call := range begun {
		if err := s.add(call[0], call[1], "?", ""); err != nil {
			return nil, err
		}
	}
	return s, lines.Err()
}

// add counts a call with its arguments, its result and its errno.
func (s *straced) add(call, args, result, errno string) error {
	switch {
	case call == "execve":
		return nil
	case result == "?" && errno == "":
		s.unknown[call] = s.unknown[call].plus(moved{calls: 1, bytes: asked(call, args)})
		return nil
	case strings.HasPrefix(errno, "ERESTART"):
		s.restarted[call]++
		return nil
	}
	m := moved{failed: 1}
	if result != "-1" {
		n, err := strconv.ParseInt(result, 10, 64)
		if err != nil {
			return err
		}
		m = moved{calls: 1, bytes: n}
	}
	s.byCall[call] = s.byCall[call].plus(m)
	path, err := pathOf(call, args)
	if err != nil {
		return err
	}
	s.byPath[[2]string{call, path}] = s.byPath[[2]string{call, path}].plus(m)
	return nil
}

// anyBytes is more than any call moves.
const anyBytes = 1 << 40

// asked is how many bytes a call was to move at most.
func asked(call, args string) int64 {
	list := strings.Split(args, ", ")
	if !slices.Contains([]string{"read", "write", "pread64", "pwrite64", "recvfrom", "sendto"}, call) || len(list) < 3 {
		return anyBytes
	}
	n, err := strconv.ParseInt(strings.TrimRight(list[2], ") "), 10, 64)
	if err != nil {
		return anyBytes
	}
	return n
}

// differs says where zctrace's own counts of the same calls cannot be so. It may have more of those whose thread was killed in them: as many as
// there are, as returned, failed or restarted, with as many bytes as they were to move.
func (s *straced) differs(got *tracedCalls) (list []string) {
	nameless := s.unknown[straceNameless].calls
	for _, call := range append(transferring(), metadataCalls...) {
		has, said, may := got.byCall[call], s.byCall[call], s.unknown[call]
		restarted := got.restarted[call] - s.restarted[call]
		calls, failed, bytes := has.calls-said.calls, has.failed-said.failed, has.bytes-said.bytes
		over := calls + failed + restarted - may.calls
		if over > 0 {
			nameless, may.bytes = nameless-over, anyBytes
		}
		if min(calls, failed, restarted, bytes) < 0 || over > 0 && nameless < 0 || bytes > may.bytes || calls == 0 && bytes > 0 {
			list = append(list, fmt.Sprintf("%s: %+v and %d restarted; strace has %+v and %d, and %d of which it does not know what they returned",
				call, has, got.restarted[call], said, s.restarted[call], s.unknown[call].calls))
		}
		paths := map[[2]string]int64{}
		for key, m := range s.byPath {
			if key[0] == call {
				paths[key] -= m.bytes
			}
		}
		for key, n := range got.byPath {
			if key[0] == call {
				paths[key] += n
			}
		}
		for key, n := range paths {
			if n < 0 || n > bytes {
				list = append(list, fmt.Sprintf("%v: %d bytes, strace has %d", key, got.byPath[key], s.byPath[key].bytes))
			}
		}
	}
	return list
}

// pathOf is from where to where a call moves bytes, as zctrace names it.
func pathOf(call, args string) (string, error) {
	var ends []string
	for arg := range strings.SplitSeq(args, ", ") {
		if found := straceFile.FindStringSubmatch(arg); found != nil {
			ends = append(ends, endOf(found[1]))
		}
	}
	switch {
	case len(ends) == 0: // no open file
		ends = []string{"other", "other"}
	case len(ends) == 1:
		ends = append(ends, "other")
	}
	switch {
	case slices.Contains(readCalls, call):
		return ends[0] + "->user", nil
	case slices.Contains(writeCalls, call):
		return "user->" + ends[0], nil
	case call == "sendfile":
		return ends[1] + "->" + ends[0], nil
	case slices.Contains(metadataCalls, call):
		return "control->user", nil
	case slices.Contains(betweenCalls, call):
		return ends[0] + "->" + ends[1], nil
	}
	return "", fmt.Errorf("%s was not asked for", call)
}

// endOf is what zctrace calls the kind of a file that strace -yy describes so.
func endOf(file string) string {
	kind, _, _ := strings.Cut(file, ":")
	switch {
	case strings.HasSuffix(file, ">") && (strings.Contains(file, "<char ") || strings.Contains(file, "<block ")):
		return "device"
	case strings.HasPrefix(file, "/"):
		return "file"
	case strings.HasPrefix(kind, "TCP"):
		return "tcp"
	case strings.HasPrefix(kind, "UDP"):
		return "udp"
	case strings.HasPrefix(kind, "UNIX"):
		return "unix"
	case kind == "pipe":
		return "pipe"
	case kind == "anon_inode":
		return "control"
	}
	return "other"
}

func TestReadStrace(t *testing.T) {
	oncePerMachine(t)
	s, err := readStrace(strings.NewReader(`12    read(3</a/file>, ""..., 4096) = 832
13    read(4</a/file>, "", 4096)       = 0
12    write(1</dev/null<char 1:3>>, ""..., 100 <unfinished ...>
13    read(5<pipe:[7]>,  <unfinished ...>
12    <... write resumed>)              = 100
13    <... read resumed>0x7ffd, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
13    sendfile(5<TCP:[127.0.0.1:1->127.0.0.1:2]>, 3</a/file>, [0] => [65536], 65536) = 65536
13    copy_file_range(3</a/file>, NULL, 5</a/copy>(deleted), NULL, 65536, 0) = 65535
13    write(9<UNIX-STREAM:[3->4]>, ""..., 1) = -1 EAGAIN (Resource temporarily unavailable)
13    write(99, ""..., 1) = -1 EBADF (Bad file descriptor)
14    read(6<pipe:[7]>,  <unfinished ...>) = ?
15    write(6<pipe:[7]>, ""..., 5 <unfinished ...>
15    <... write resumed>)              = ?
15    read(6<pipe:[7]>,  <detached ...>
15    ???( <detached ...>
15    ???( <unfinished ...>
15    <... ??? resumed>)                = ?
15    ???()                             = ?
15    read( <unfinished ...>
15    <... read resumed>)               = ? <unavailable>
15    write(6<pipe:[7]>, ""..., 5)      = ? <unavailable>
15    recvfrom(6<pipe:[7]>, 0x7ffd, 1, 0, NULL, NULL) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)
15    recvfrom(6<pipe:[7]>, 0x7ffd, 1, 0, NULL, NULL) = -1 (errno 530)
15    sendto(6<pipe:[7]>, ""..., 1, 0, NULL, 0) = -1 E2BIG (Argument list too long)
15    read(6<pipe:[7]>, 15    +++ superseded by execve in pid 16 +++
16    execve("/proc/self/exe", [...], 0x7fff0465cc08 /* 35 vars */ <pid changed to 15 ...>
15    +++ superseded by execve in pid 16 +++
15    <... execve resumed>)             = 0
16    recvmsg(3<UDP:[127.0.0.1:9]>, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=""..., iov_len=1}], msg_iovlen=1}, 0) = 1
14    +++ exited with 0 +++
17    write(6<pipe:[7]>, ""..., 3 <unfinished ...>
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[[2]string]moved{
		{"read", "file->user"}: {2, 832, 0}, {"write", "user->device"}: {1, 100, 0}, {"sendfile", "file->tcp"}: {1, 65536, 0},
		{"copy_file_range", "file->file"}: {1, 65535, 0}, {"write", "user->unix"}: {failed: 1}, {"write", "user->other"}: {failed: 1},
		{"recvmsg", "udp->user"}: {1, 1, 0}, {"recvfrom", "pipe->user"}: {failed: 1}, {"sendto", "user->pipe"}: {failed: 1},
	}
	if !maps.Equal(s.byPath, want) {
		t.Errorf("%v, want %v", s.byPath, want)
	}
	if got := fmt.Sprint(s.byCall["write"], s.restarted); got != "{1 100 2} map[read:1 recvfrom:1]" {
		t.Errorf("of write and of what was restarted: %s", got)
	}
	if got, want := fmt.Sprint(s.unknown), fmt.Sprint(map[string]moved{"???": {3, 3 * anyBytes, 0}, "read": {4, 4 * anyBytes, 0}, "write": {3, 13, 0}}); got != want {
		t.Errorf("of what is not known: %s, want %s", got, want)
	}
	for _, line := range []string{"12 what is this\n", "12 read(3, 5\n", "12 read(3, 5) = ? <unknown>\n"} {
		if _, err := readStrace(strings.NewReader(line)); err == nil {
			t.Errorf("%q is taken for a call", line)
		}
	}
}

// What strace could not ask about may be more of it, in any way that it can have ended, and of nothing else.
func TestStracedDiffers(t *testing.T) {
	oncePerMachine(t)
	file := [2]string{"read", "file->user"}
	s := &straced{
		map[string]moved{"read": {5, 500, 1}, "write": {1, 10, 0}}, map[string]int64{"read": 1}, map[[2]string]moved{file: {5, 500, 1}, {"write", "user->pipe"}: {1, 10, 0}},
		map[string]moved{"read": {2, 60, 0}},
	}
	nameless := *s
	nameless.unknown = map[string]moved{straceNameless: {1, anyBytes, 0}}
	write := map[[2]string]int64{{"write", "user->pipe"}: 10}
	for _, test := range []struct {
		name      string
		said      *straced
		read      moved
		restarted int64
		bytes     int64 // of the file
		differs   int
	}{
		{"the same", s, moved{5, 500, 1}, 1, 500, 0},
		{"one returned", s, moved{6, 560, 1}, 1, 560, 0},
		{"it moved nothing", s, moved{6, 500, 1}, 1, 500, 0},
		{"one failed, one was restarted", s, moved{5, 500, 2}, 2, 500, 0},
		{"one too many", s, moved{6, 500, 2}, 2, 500, 1},
		{"one too few", s, moved{4, 500, 1}, 1, 500, 1},
		{"one instead of another", s, moved{4, 500, 2}, 1, 500, 1},
		{"more than was asked for", s, moved{6, 561, 1}, 1, 561, 1},
		{"more than nothing", s, moved{5, 501, 1}, 1, 501, 1},
		{"less", s, moved{6, 499, 1}, 1, 499, 2},
		{"elsewhere", s, moved{5, 500, 1}, 1, 499, 2},
		{"it may be any", &nameless, moved{6, 900, 1}, 1, 900, 0},
		{"it is no two", &nameless, moved{6, 500, 2}, 1, 500, 1},
	} {
		got := &tracedCalls{map[string]moved{"read": test.read, "write": {1, 10, 0}}, map[string]int64{"read": test.restarted}, maps.Clone(write)}
		got.byPath[file] = test.bytes
		if rest := test.read.bytes - test.bytes; rest != 0 {
			got.byPath[[2]string{"read", "pipe->user"}] = rest
		}
		if list := test.said.differs(got); len(list) != test.differs {
			t.Errorf("%s: it differs by %v, want %d", test.name, list, test.differs)
		}
	}
}

// The programs that others are held to keep account of themselves as strace and as the kernel do.
func TestProgramsKeepAccount(t *testing.T) {
	oncePerMachine(t)
	mayDumpCore(t)
	path, measure := program(t)
	perExec := keep(t, exec.Command(measure, "measure", path, "forks", "0")).said("io", "rchar")
	for _, f := range append(follows(200), follow{args: []string{"core"}}) {
		t.Run(f.name(), func(t *testing.T) {
			own := keep(t, exec.Command(measure, append([]string{"measure", path}, f.args...)...))
			delete(own, [2]string{"read", "proc"}) // measure's own
			rchar, wchar := readAndWritten(own.byCall())
			dumped := own.said("io", "wchar") - wchar
			switch {
			case f.killed && dumped == 0:
				t.Error("nothing was written")
			case f.killed:
				return
			case f.args[0] == "core" && dumped < 100000/2:
				t.Errorf("a core dump of %d bytes", dumped)
			case f.args[0] != "core" && dumped != 0:
				t.Errorf("the kernel has %d bytes written, the program %d", own.said("io", "wchar"), wchar)
			}
			if own.said("rusage", "minflt") == 0 {
				t.Error("it had no page fault")
			}
			if got, want := own.said("io", "rchar"), rchar+(1+f.execs)*perExec; got != want {
				t.Errorf("the kernel has %d bytes read, the program %d, with %d execs", got, want, 1+f.execs)
			}
			out := filepath.Join(t.TempDir(), "strace")
			own = keep(t, exec.Command("strace", slices.Concat(straceArgs(out), []string{path}, f.args)...))
			seen := readStraceFile(t, out)
			maps.DeleteFunc(seen.byCall, func(call string, _ moved) bool { return slices.Contains(metadataCalls, call) })
			maps.DeleteFunc(seen.byPath, func(key [2]string, _ moved) bool { return slices.Contains(metadataCalls, key[0]) })
			if !maps.Equal(seen.byCall, own.byCall()) {
				t.Errorf("strace has %v, the program %v", seen.byCall, own.byCall())
			} else if !f.raced && !maps.Equal(seen.byPath, own.byPath()) {
				t.Errorf("strace has %v, the program %v", seen.byPath, own.byPath())
			}
		})
	}
}
