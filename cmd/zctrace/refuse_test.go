//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/session/launch"
)

// What needs Linux says so elsewhere, instead of being unknown there.
func TestOtherSystemsKnowTheCommands(t *testing.T) {
	oncePerMachine(t)
	source, err := os.ReadFile("machine_other.go") // not built here
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range machineCommands() {
		if !strings.Contains(string(source), strconv.Quote(cmd.Name())) {
			t.Errorf("machine_other.go does not name %s", cmd.Name())
		}
	}
}

// refusals are what is refused, how, and what is said; $dir and the like are files.
var refusals = []struct {
	args []string
	code int
	says []string
}{
	{[]string{"run"}, 2, []string{"run takes one strategy", "sendfile"}},
	{[]string{"run", "sendfle"}, 2, []string{`unknown strategy "sendfle"`, "did you mean sendfile?"}},
	{[]string{"run", "sendfile", "read-write"}, 2, []string{"run takes one strategy"}},
	{[]string{"rnu"}, 2, []string{"unknown command", "did you mean run"}},
	{[]string{"run", "sendfile", "--byts", "1"}, 2, []string{"unknown flag: --byts", "did you mean --bytes?", "--help"}},
	{[]string{"run", "sendfile", "--bytes", "1XB"}, 2, []string{"1XB", "KiB"}},
	{[]string{"run", "sendfile", "--bytes", "0"}, 2, []string{"at least 1"}},
	{[]string{"run", "sendfile", "--chunk", "-5"}, 2, []string{"-5"}},
	{[]string{"run", "sendfile", "--chunk", "3GiB"}, 2, []string{"chunk"}},
	{[]string{"run", "sendfile", "--duration", "-1s"}, 2, []string{"--duration -1s"}},
	{[]string{"run", "sendfile", "--duration", "fast"}, 2, []string{"--duration", "it is no time: take one such as 500ms"}},
	{[]string{"run", "sendfile", "--duration", "5"}, 2, []string{"--duration", "no unit: write 5s"}},
	{[]string{"run", "sendfile", "--duration", "99999999h"}, 2, []string{"--duration", "longer than the 292 years", "take less"}},
	{[]string{"run", "sendfile", "--interval", "1h9999999999999999m"}, 2, []string{"--interval", "longer than the 292 years"}},
	{[]string{"compare", "--rounds", "many"}, 2, []string{"--rounds", "it is no number: take one such as 5"}},
	{[]string{"compare", "--rounds", "9999999999999"}, 2, []string{"--rounds", "out of range: take a smaller one"}},
	{[]string{"completion"}, 2, []string{"completion takes one shell: bash, zsh, fish, powershell"}},
	{[]string{"completion", "tcsh"}, 2, []string{`unknown shell "tcsh"`, "take bash or zsh or fish or powershell"}},
	{[]string{"completion", "bash", "zsh"}, 2, []string{"completion takes one shell"}},
	{[]string{"help", "foo"}, 2, []string{"there is no command foo", "zctrace --help lists"}},
	{[]string{"help", "run", "foo"}, 2, []string{"there is no command run foo"}},
	{[]string{"version", "please"}, 2, []string{`version takes no arguments, not "please"`, "version --help"}},
	{[]string{"list", "foo", "bar"}, 2, []string{`list takes no arguments, not "foo"`}},
	{[]string{"doctor", "foo"}, 2, []string{`doctor takes no arguments, not "foo"`}},
	{[]string{"serve", "7373"}, 2, []string{`serve takes no arguments, not "7373"`, "serve --help"}},
	{[]string{"-c", "ls"}, 2, []string{"unknown shorthand flag: 'c' in -c", "did you mean zctrace exec -- COMMAND [ARG...]?", "cannot be followed yet"}},
	{[]string{"-p", "1"}, 2, []string{"in -p", "zctrace exec -- COMMAND"}},
	{[]string{"run", "sendfile", "-ff"}, 2, []string{"in -ff", "exec follows all that the command starts"}},
	{[]string{"run", "sendfile", "-S"}, 2, []string{"in -S", "what moved most bytes comes first"}},
	{[]string{"run", "sendfile", "--chnk", "1"}, 2, []string{"unknown flag: --chnk", "did you mean --chunk?"}},
	{[]string{"run", "sendfile", "--all-cpus"}, 2, []string{"unknown flag: --all-cpus", "on every CPU"}},
	{[]string{"--verson"}, 2, []string{"unknown flag: --verson", "did you mean --version?", "see zctrace --help"}},
	{[]string{"run", "direct-io", "--source", "auto:300001", "--chunk", "4093"}, 2, []string{"whole blocks of 4 KiB", "take --chunk 4KiB"}},
	{[]string{"run", "direct-io", "--source", "auto:300001", "--bytes", "1000123"}, 2, []string{"--bytes 1000123 ends within a block", "take --bytes 998307"}},
	{[]string{"run", "sendfile", "--pipe-size", "4KiB"}, 2, []string{"of no use to sendfile, without a pipe of its own"}},
	{[]string{"run", "sendfile", "--depth", "4"}, 2, []string{"--depth is of no use to sendfile, without a queue", "take io-uring"}},
	{[]string{"run", "io-uring", "--depth", "0"}, 2, []string{"take 1 to 256"}},
	{[]string{"run", "aio", "--depth", "257"}, 2, []string{"take 1 to 256"}},
	{[]string{"run", "aio", "--depth", "deep"}, 2, []string{"take 1 to 256"}},
	{[]string{"run", "aio", "--sqpoll"}, 2, []string{"--sqpoll is of no use to aio, without an io_uring", "take io-uring"}},
	{[]string{"compare", "read-write", "sendfile", "--depth", "4"}, 2, []string{"--depth is of no use to read-write, sendfile"}},
	{[]string{"compare", "read-write", "splice", "--sqpoll"}, 2, []string{"--sqpoll is of no use to read-write, splice"}},
	{[]string{"run", "aio", "--source", "auto:300001", "--chunk", "4093"}, 2, []string{"aio moves whole blocks of 4 KiB", "take --chunk 4KiB"}},
	{[]string{"run", "splice", "--pipe-size", "1TiB", "--bytes", "1"}, 2, []string{"more than any pipe holds"}},
	{[]string{"run", "sendfile", "--receiver", "slpice"}, 2, []string{`unknown receiver "slpice"`, "did you mean splice?", "read, splice, zerocopy, trunc"}},
	{[]string{"run", "sendfile", "--receiver", "splice", "--sink", "file"}, 2, []string{"nobody receives from sink file", "take --sink tcp"}},
	{[]string{"run", "sendfile", "--receiver", "trunc", "--sink", "null"}, 2, []string{"nobody receives from sink null"}},
	{[]string{"run", "sendfile", "--receiver", "zerocopy", "--sink", "unix"}, 2, []string{"only a TCP socket can be mapped", "--receiver splice"}},
	{[]string{"compare", "--receiver", "trunc", "--sink", "pipe"}, 2, []string{"only TCP discards", "--receiver splice"}},
	{[]string{"sweep", "--receiver", "trunc", "--verify"}, 2, []string{"nothing can be verified", "--receiver zerocopy"}},
	{[]string{"run", "sendfile", "--populate"}, 2, []string{"of no use to sendfile, without a mapping of the source", "mmap-write"}},
	{[]string{"run", "splice", "--advise", "random"}, 2, []string{"of no use to splice, without a mapping of the source", "mmap-write"}},
	{[]string{"run", "mmap-write", "--advise", "dontneed"}, 2, []string{"sequential or random or hugepage"}},
	{[]string{"compare", "read-write", "sendfile", "--populate"}, 2, []string{"of no use to read-write, sendfile"}},
	{[]string{"run", "tee", "--bytes", "1"}, 2, []string{"tee takes two sinks", "give --sink twice"}},
	{[]string{"run", "tee", "--sink", "127.0.0.1:1", "--sink", "unix"}, 2, []string{"HOST:PORT is not for two sinks"}},
	{[]string{"run", "sendfile", "--sink", "tcp", "--sink", "unix"}, 2, []string{"only tee takes two sinks", "give one --sink"}},
	{[]string{"run", "tee", "--sink", "tcp", "--sink", "unix", "--sink", "pipe"}, 2, []string{"--sink is given 3 times"}},
	{[]string{"run", "tee", "--sink", "file:$empty", "--sink", "file:$empty"}, 2, []string{"both sinks are the file $empty"}},
	{[]string{"run", "tee", "--sink", "tcp", "--sink", "unix", "--receiver", "splice"}, 2, []string{"received from with read", "leave it out"}},
	{[]string{"run", "tee", "--sink", "tcp", "--sink", "null", "--verify"}, 2, []string{"cannot be verified"}},
	{[]string{"compare", "sendfile", "--sink", "tcp", "--sink", "unix"}, 2, []string{"only tee takes two sinks"}},
	{[]string{"run", "sendfile", "--interval", "1us"}, 2, []string{"at least 1ms"}},
	{[]string{"run", "sendfile", "--cache", "tepid"}, 2, []string{"warm or cold"}},
	{[]string{"run", "sendfile", "--latency", "maybe"}, 2, []string{"on or off"}},
	{[]string{"run", "sendfile", "--cpu", "0"}, 2, []string{"two CPU numbers"}},
	{[]string{"run", "sendfile", "--expect", "sender.copies.to_usr == 0"}, 2, []string{"did you mean sender.copies.to_user"}},
	{[]string{"run", "sendfile", "--expect", "nonsense"}, 2, []string{"--expect", "nonsense"}},
	{[]string{"run", "sendfile", "--sink", "nowhere"}, 2, []string{`unknown sink "nowhere"`, "tcp, unix, pipe"}},
	{[]string{"run", "sendfile", "--sink", "192.0.2.1"}, 2, []string{"192.0.2.1 has no port", "take 192.0.2.1:7373"}},
	{[]string{"run", "sendfile", "--sink", "192.0.2.1:99999"}, 2, []string{"there is no port 99999", "1 to 65535"}},
	{[]string{"run", "sendfile", "--sink", "::1:7373"}, 2, []string{"does not say where its port begins", "take [::1]:7373"}},
	{[]string{"run", "sendfile", "--sink", "file:$locked"}, 2, []string{"$locked is locked: another run writes to it", "name a file that does not exist yet"}},
	{[]string{"compare", "foo"}, 2, []string{`unknown strategy "foo"`, "strategies: read-write"}},
	{[]string{"run", "sendfile", "--sink", "2001:db8::1"}, 2, []string{"has no port", "take [2001:db8::1]:7373"}},
	{[]string{"run", "sendfile", "--sink", "no-such-host.invalid:7373"}, 2, []string{"there is no host no-such-host.invalid"}},
	{[]string{"run", "sendfile", "--sink", "127.0.0.1:1"}, 1, []string{"nobody listens there", "zctrace serve --listen 127.0.0.1:1"}},
	{[]string{"serve", "--listen", "192.0.2.1:7373"}, 2, []string{"no device here has the address 192.0.2.1", "0.0.0.0"}},
	{[]string{"serve", "--listen", "7373"}, 2, []string{"is no ADDRESS:PORT"}},
	{[]string{"run", "sendfile", "--sink", "192.0.2.1:7373", "--receiver", "splice"}, 2, []string{"zctrace serve receives at 192.0.2.1:7373", "leave it out"}},
	{[]string{"serve", "all"}, 2, []string{"serve"}},
	{[]string{"run", "sendfile", "--sink", "file:$full"}, 2, []string{"$full"}},
	{[]string{"run", "sendfile", "--sink", "file:$dir/none/f"}, 2, []string{"$dir/none/f"}},
	{[]string{"run", "sendfile", "--sink", "null", "--verify"}, 2, []string{"cannot be verified"}},
	{[]string{"run", "sendfile", "--source", "$dir/none"}, 2, []string{"$dir/none", "no such file"}},
	{[]string{"run", "sendfile", "--source", "$empty"}, 2, []string{"is empty"}},
	{[]string{"run", "sendfile", "--source", "$dir"}, 2, []string{"is a directory"}},
	{[]string{"run", "sendfile", "--source", "$fifo"}, 2, []string{"is a fifo"}},
	{[]string{"run", "sendfile", "--source", "zero", "--cache", "cold"}, 2, []string{"zero has no page cache"}},
	{[]string{"run", "sendfile", "--source", "auto:1MiB", "--bytes", "2MiB", "--cache", "cold"}, 2, []string{"more than the source's"}},
	{[]string{"run", "sendfile", "--json", "$dir"}, 2, []string{"$dir", "directory"}},
	{[]string{"run", "sendfile", "--json", "$dir/none/t.json"}, 2, []string{"$dir/none"}},
	{[]string{"run", "sendfile", "--json", ""}, 2, []string{"take a file"}},
	{[]string{"run", "sendfile", "--json", "$full", "--source", "$full"}, 2, []string{"would replace the source"}},
	{[]string{"run", "sendfile", "--json", "$dir/x", "--sink", "file:$dir/x"}, 2, []string{"would replace the sink"}},
	{[]string{"run", "sendfile", "--json", "$link/x", "--sink", "file:$dir/x"}, 2, []string{"would replace the sink"}},
	{[]string{"run", "sendfile", "--json", "/dev/fd/0"}, 2, []string{"/dev/fd/0", "open for reading only", "name a file"}},
	{[]string{"run", "sendfile", "--duration", "0"}, 2, []string{"--duration 0"}},
	{[]string{"compare", "sendfle"}, 2, []string{`unknown strategy "sendfle"`, "did you mean sendfile?"}},
	{[]string{"compare", "sendfile", "sendfile"}, 2, []string{"sendfile is named twice", "--rounds"}},
	{[]string{"compare", "--rounds", "0"}, 2, []string{"--rounds 0", "at least 1"}},
	{[]string{"compare", "--rounds", "1001", "sendfile"}, 2, []string{"1001 runs are more than"}},
	{[]string{"compare", "--baseline"}, 2, []string{"--baseline", "zctrace run STRATEGY --baseline"}},
	{[]string{"compare", "--interval", "1s"}, 2, []string{"--interval", "no samples"}},
	{[]string{"compare", "--copies", "all"}, 2, []string{"--copies all", "zctrace run"}},
	{[]string{"compare", "--sink", "file:$dir/x"}, 2, []string{"--sink file"}},
	{[]string{"compare", "--sink", "nowhere"}, 2, []string{`unknown sink "nowhere"`, "tcp, unix, pipe"}},
	{[]string{"compare", "--source", "$dir/none"}, 2, []string{"$dir/none", "no such file"}},
	{[]string{"compare", "--chunk", "3GiB"}, 2, []string{"chunk"}},
	{[]string{"compare", "--sink", "null", "--verify"}, 2, []string{"cannot be verified"}},
	{[]string{"compare", "--markdown", "--csv"}, 2, []string{"take one"}},
	{[]string{"compare", "--expect", "sendfle: sender.copies.to_user == 0"}, 2, []string{"did you mean sendfile?"}},
	{[]string{"compare", "--expect", "sender.copies.to_usr == 0"}, 2, []string{"did you mean sender.copies.to_user"}},
	{[]string{"compare", "sendfile", "--expect", "read-write: sender.copies.to_user == 0"}, 2, []string{"read-write is not compared here"}},
	{[]string{"compare", "--json", "$dir"}, 2, []string{"$dir", "directory"}},
	{[]string{"sweep", "--chunk", "64KiB"}, 2, []string{"FROM..TO", "zctrace compare"}},
	{[]string{"sweep", "--chunk", "64KiB..1KiB"}, 2, []string{"not at least twice"}},
	{[]string{"sweep", "--chunk", "1XB..2"}, 2, []string{"1XB"}},
	{[]string{"sweep", "--chunk", "512..3GiB"}, 2, []string{"a chunk of 3GiB"}},
	{[]string{"sweep", "--chunk", "1..1GiB", "--rounds", "20"}, 2, []string{"runs are more than"}},
	{[]string{"sweep", "sendfle"}, 2, []string{"did you mean sendfile?"}},
	{[]string{"show", "--csv", "$oneTrace"}, 2, []string{"is one trace"}},
	{[]string{"show"}, 2, []string{"show takes one FILE", "two traces"}},
	{[]string{"show", "--csv", "$oneTrace", "$oneTrace"}, 2, []string{"for what compare wrote"}},
	{[]string{"show", "$oneTrace", "$empty"}, 1, []string{"$empty", "empty"}},
	{[]string{"show", "$dir/none"}, 1, []string{"$dir/none", "no such file"}},
	{[]string{"show", "$dir"}, 1, []string{"read trace: $dir is a directory (name a file that zctrace run --json FILE wrote)"}},
	{[]string{"show", "-", "-"}, 2, []string{"standard input is one trace", "name a file"}},
	{[]string{"show", "-"}, 1, []string{"standard input: the file is empty"}},
	{[]string{"show", "$notJSON"}, 1, []string{"$notJSON", "JSON"}},
	{[]string{"show", "$empty"}, 1, []string{"$empty", "empty"}},
}

// inTwoWords is a size that a shell would take apart.
var inTwoWords = regexp.MustCompile(`--[a-z-]+ [0-9.]+ [KMGTPE]?i?B`)

// Whatever is wrong with the request: one clear message that says what, why and
// what to do, and the exit code of the manual.
func TestRefusals(t *testing.T) {
	oncePerMachine(t)
	dir := t.TempDir()
	files := map[string]string{"dir": dir}
	for name, text := range map[string]string{"empty": "", "full": "payload", "notJSON": "payload", "oneTrace": `{"schema":"zctrace/1"}`} {
		files[name] = filepath.Join(dir, name)
		if err := os.WriteFile(files[name], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files["fifo"], files["link"] = filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := unix.Mkfifo(files["fifo"], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, files["link"]); err != nil {
		t.Fatal(err)
	}
	locked, err := os.Create(filepath.Join(dir, "locked"))
	if err == nil {
		err = unix.Flock(int(locked.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	files["locked"] = locked.Name()
	named := func(text string) string {
		return os.Expand(text, func(name string) string { return files[name] })
	}
	for _, test := range refusals {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			if test.args[0] == "run" && test.code != 2 {
				needTracing(t)
			}
			var args []string
			for _, arg := range test.args {
				args = append(args, named(arg))
			}
			r := zctrace(t, args...)
			if r.code != test.code {
				t.Errorf("exit code %d, want %d", r.code, test.code)
			}
			for _, text := range test.says {
				if !strings.Contains(r.stderr, named(text)) {
					t.Errorf("it does not say %q", text)
				}
			}
			if found := inTwoWords.FindString(r.stderr); found != "" {
				t.Errorf("%q cannot be typed", found)
			}
			if !strings.HasPrefix(r.stderr, "zctrace: ") || strings.Count(r.stderr, "\n") > 3 || r.stdout != "" {
				t.Errorf("not one short message on stderr alone")
			}
			if t.Failed() {
				t.Logf("stdout: %s\nstderr: %s", r.stdout, r.stderr)
			}
		})
	}
}

// A container may have a /dev with nothing in it.
func TestWithoutDevNull(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount")
	}
	needNamespaces(t, "-m")
	cmd := command(t, "run", "sendfile", "--bytes", "1MiB")
	cmd.Args = append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /dev && exec "$@"`, "sh"}, cmd.Args...)
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path = unshare
	r := finish(t, cmd)
	if r.code != exitUnsupported || !strings.Contains(r.stderr, "a process needs /dev/null: no such file or directory") || !strings.Contains(r.stderr, "mknod") {
		t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	workersAreGone(t)
}

// Without the rights, or on a kernel without BTF, it says what is missing, what
// to do, and exits with 3.
func TestCannotTraceHere(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	filtered := func(errno syscall.Errno, below int) string {
		return fmt.Sprintf(`exec env %s="%d %d" "$@"`, forbidBPF, errno, below)
	}
	for _, test := range []struct {
		name, shell string
		says        []string
	}{
		// By its descriptor: root there may not look into the directory of the user who called sudo.
		{"in a user namespace", `exec 9<"$1" && shift && exec unshare -U -r /proc/self/fd/9 "$@"`, []string{"user namespace", "rootless container", "run it outside"}},
		{"with a filter that forbids bpf", filtered(unix.EPERM, allBPF), []string{"a seccomp filter, as containers have, forbids bpf(2)", "run it outside"}},
		{"with a filter that denies bpf", filtered(unix.EACCES, allBPF), []string{"a seccomp filter, as containers have, forbids bpf(2)"}},
		{"with a filter that hides bpf", filtered(unix.ENOSYS, allBPF), []string{"a seccomp filter, as containers have, forbids bpf(2)"}},
		{"without capabilities", `exec setpriv --bounding-set=-all "$@"`, []string{"CAP_BPF", "CAP_PERFMON", "sudo"}},
		{"without /proc", `exec unshare -m sh -c 'umount -l /proc && exec "$@"' sh "$@"`, []string{"/proc is not mounted", "mount -t proc"}},
		{"without /sys", `exec unshare -m sh -c 'umount -R -l /sys && exec "$@"' sh "$@"`, []string{"/sys is not mounted", "mount -t sysfs sysfs /sys"}},
		{"without tracefs, where perf's events are needed", `exec env ` + tracepointsEnv + `=perf unshare -m sh -c 'for d in tracing debug; do [ ! -d /sys/kernel/$d ] || mount -t tmpfs none /sys/kernel/$d || exit; done; exec "$@"' sh "$@"`,
			[]string{"tracefs is not mounted at /sys/kernel/tracing", "mount -t tracefs tracefs /sys/kernel/tracing"}},
		{"without BTF", `exec unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh "$@"`, []string{"no BTF", "CONFIG_DEBUG_INFO_BTF"}},
	} {
		for _, args := range [][]string{{"run", "sendfile", "--bytes", "1MiB"}, {"doctor"}, {"exec", "--", "touch", "ran"}} {
			t.Run(args[0]+" "+test.name, func(t *testing.T) {
				if made := regexp.MustCompile(`unshare((?: -\w)+)`).FindStringSubmatch(test.shell); made != nil {
					needNamespaces(t, strings.Fields(made[1])...)
				}
				cmd := command(t, args...)
				r := finish(t, inShell(t, cmd, test.shell))
				want := exitUnsupported
				if args[0] == "exec" {
					want = launch.ExitCannot
				}
				if _, err := os.Stat(filepath.Join(cmd.Dir, "ran")); r.code != want || err == nil {
					t.Errorf("exit code %d, want %d; that the command has not run: %v", r.code, want, err)
				}
				for _, text := range test.says {
					if !strings.Contains(r.stdout+r.stderr, text) {
						t.Errorf("it does not say %q:\n%s%s", text, r.stdout, r.stderr)
					}
				}
				if strings.Contains(r.stdout+r.stderr, "MEMLOCK") {
					t.Errorf("it is not the locked memory:\n%s%s", r.stdout, r.stderr)
				}
				workersAreGone(t)
			})
		}
	}
	t.Run("with a filter that forbids maps", func(t *testing.T) {
		cmd := command(t, "run", "sendfile", "--bytes", "1MiB")
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d 1", forbidBPF, unix.EPERM)) // BPF_MAP_CREATE is 0
		failsWith(t, finish(t, cmd), exitUnsupported, "a seccomp filter", "run it outside")
	})
}

// Whatever prints, also what cobra prints by itself, fails where nothing can be printed to.
func TestOutputOntoAFullDevice(t *testing.T) {
	oncePerMachine(t)
	saved, err := filepath.Abs("../../tracer/trace/testdata/sendfile.json")
	if err != nil {
		t.Fatal(err)
	}
	reader, brokenPipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	defer brokenPipe.Close()
	printing := [][]string{
		{"--help"}, {"run", "--help"}, {"help", "run"}, {"completion", "bash"}, {"completion", "fish"}, {"list"}, {"list", "--textbook"},
		{"version"}, {"--version"}, {"show", saved}, {"show", saved, saved},
	}
	if tracer.Supported() == nil { // else it exits with 3, and says why
		printing = append(printing, []string{"doctor"}, []string{"doctor", "--json"})
	}
	for _, args := range printing {
		for says, stdout := range map[string]*os.File{"no space left on device\n": full, "broken pipe\n": brokenPipe, "standard output is closed": nil} {
			cmd := command(t, args...)
			if stdout == nil {
				cmd.Args = append([]string{"sh", "-c", `exec "$@" >&-`, "sh"}, cmd.Args...)
				cmd.Path = "/bin/sh"
			} else {
				cmd.Stdout = stdout
			}
			if r := finish(t, cmd); r.code != exitFailed || !strings.Contains(r.stderr, says) || strings.Contains(r.stderr, "--help") || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("%v: exit code %d, want 1 and %q: %s", args, r.code, says, r.stderr)
			}
		}
	}
}

// What needs no rights works without them.
func TestWithoutRights(t *testing.T) {
	oncePerMachine(t)
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"compare", "--help"}, {"list"}, {"version"}, {"show", "../../tracer/trace/testdata/sendfile.json"}, {"completion", "bash"}} {
		t.Run(args[0], func(t *testing.T) {
			cmd := command(t, args...)
			cmd.Dir = "" // for the path of the trace
			if os.Geteuid() == 0 {
				cmd.Args = append([]string{"setpriv", "--bounding-set=-all"}, cmd.Args...)
				path, err := exec.LookPath("setpriv")
				if err != nil {
					t.Fatal(err)
				}
				cmd.Path = path
			}
			if r := finish(t, cmd); r.code != 0 || r.stdout == "" {
				t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
			}
		})
	}
}
