//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/workloads"
)

// withOptmem runs zctrace where net.core.optmem_max is so many bytes: in a network namespace of its own. Before
// Linux 6.8 there is one for all of them, which is set in guests only, where nobody else uses it.
func withOptmem(t *testing.T, bytes int, args ...string) result {
	t.Helper()
	const file = "/proc/sys/net/core/optmem_max"
	inNamespace := fmt.Sprintf(`ip link set lo up && echo %d >%s && exec "$@"`, bytes, file)
	cmd := command(t, args...)
	if exec.Command("unshare", "-n", "test", "-e", file).Run() == nil {
		unshare, err := exec.LookPath("unshare")
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path, cmd.Args = unshare, append([]string{"unshare", "-n", "sh", "-c", inNamespace, "sh"}, cmd.Args...)
		return finish(t, cmd)
	}
	if !inGuest() {
		t.Skip("net.core.optmem_max is the whole machine's: it is tested in the guests")
	}
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(bytes)), 0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.WriteFile(file, was, 0); err != nil {
			t.Error(err)
		}
	}()
	return finish(t, cmd)
}

// With little memory for notifications sends fail with ENOBUFS and are repeated. Each is counted, and the verdict
// says so, and what to raise. With less than one takes, what there is and what it takes is said before anything begins.
func TestLittleOptionMemory(t *testing.T) {
	needTracing(t)
	needProgram(t, "ip")
	t.Run("for one", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "t.json")
		r := withOptmem(t, 1024, "run", "msg-zerocopy", "--bytes", "1MiB", "--source", "auto:1MiB", "--chunk", "16KiB", "--verify", "--plain", "--json", file)
		if r.code != 0 {
			t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
		}
		tr := readTrace(t, file)
		send, confirmed := tr.Total.Sender.Syscalls.ByName["sendto"], tr.Total.Sender.Zerocopy.Completions.Or(-1)
		want{
			"sender.syscalls.by_name.sendto.calls":          2*confirmed - 1, // each but the first comes too early once
			"sender.syscalls.by_name.sendto.errors":         confirmed - 1,
			"sender.syscalls.by_name.sendto.errnos.ENOBUFS": confirmed - 1,
			"sender.syscalls.by_name.sendto.errnos.EAGAIN":  0,
			"sender.payload_bytes":                          mib,
			"losses.errnos":                                 0,
		}.check(t, tr)
		if got := tr.Total.Sender.Syscalls.ByName["recvmsg"]; got.Errnos["EAGAIN"].Or(0) != got.Errors.Or(-1) || got.Calls.Or(0)-got.Errors.Or(0) < 1 {
			t.Errorf("recvmsg: %v calls, %v errors, %v", got.Calls, got.Errors, got.Errnos)
		}
		said := strings.Join(strings.Fields(r.stdout), " ")
		verdict := fmt.Sprintf("(%s of %s sendto failed with ENOBUFS and were repeated: raise net.core.optmem_max, or ulimit -l)", send.Errors, send.Calls)
		if !strings.Contains(said, verdict) {
			t.Errorf("it does not say %q:\n%s", verdict, r.stdout)
		}
	})
	t.Run("for none", func(t *testing.T) {
		r := withOptmem(t, 512, "run", "msg-zerocopy", "--bytes", "1MiB", "--plain")
		failsWith(t, r, exitUnsupported, "sendto: no buffer space available: net.core.optmem_max is 512 bytes", "take up to 16384 bytes", "\n  sysctl net.core.optmem_max=16384\n")
		enough := withOptmem(t, 16384, "run", "msg-zerocopy", "--bytes", "1MiB", "--plain", "--expect", "sender.syscalls.by_name.sendto.errors == 0")
		failsWith(t, enough, 0)
	})
}

// Where less may be pinned than is under way, zero-copy sends of io_uring fail and are repeated, in shorter chains. Each
// is counted, and the verdict says so, and what to raise.
func TestLittleToPin(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	if os.Geteuid() != 0 {
		cannot(t, "needs root, as sudo gives it")
	}
	dir := worldWritable(t)
	file := filepath.Join(dir, "t.json")
	cmd := command(t, "run", "io-uring-zc", "--source", "auto:4MiB", "--bytes", "8MiB", "--depth", "64", "--verify", "--plain", "--json", file)
	cmd.Env = append(cmd.Env, fmt.Sprintf("SUDO_UID=%d", nobody), fmt.Sprintf("SUDO_GID=%d", nobody), "TMPDIR="+dir) // whom the limit holds for
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `ulimit -l 1024; exec "$@"`, "sh"}, cmd.Args...)
	r := finish(t, cmd)
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	tr := readTrace(t, file)
	sends := tr.Total.Sender.Requests["IORING_OP_SEND_ZC"]
	refused, cancelled := sends.Errnos["ENOMEM"].Or(0), sends.Errnos["ECANCELED"].Or(0)
	want{
		"sender.requests.IORING_OP_SEND_ZC.completed":    128 + refused + cancelled, // each chunk once, and what failed
		"sender.requests.IORING_OP_SEND_ZC.errors":       refused + cancelled,
		"sender.requests.IORING_OP_SEND_ZC.errnos.EINTR": 0,
		"sender.requests.IORING_OP_SEND_ZC.bytes":        8 * mib,
		"sender.requests.IORING_OP_READ.errors":          0,
		"receiver.requests.IORING_OP_SEND_ZC.completed":  0,
		"losses.errnos": 0,
	}.check(t, tr)
	verdict := fmt.Sprintf("%d of %s IORING_OP_SEND_ZC failed with ENOMEM and were repeated: raise ulimit -l", refused, sends.Completed)
	if said := strings.Join(strings.Fields(r.stdout), " "); refused < 2 || !strings.Contains(said, verdict) {
		t.Errorf("it does not say %q:\n%s", verdict, r.stdout)
	}
}

// copy_file_range does not lead from one file system to another: which they are is said, and which sink is beside
// the source.
func TestCopyAcrossFileSystems(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	tmp := smallDisk(t, "size=4M")
	big := filepath.Join(tmp, "source")
	if err := os.WriteFile(big, make([]byte, mib), 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	for name, args := range map[string][]string{
		"from a file": {"--source", big, "--sink", "file:" + filepath.Join(other, "sink")},
		"from auto":   {"--source", "auto:1MiB", "--sink", "file:" + filepath.Join(tmp, "sink")},
	} {
		t.Run(name, func(t *testing.T) {
			r := zctrace(t, append([]string{"run", "copy-file-range", "--plain", "--bytes", "1MiB"}, args...)...)
			failsWith(t, r, exitUnsupported, "copy_file_range: invalid cross-device link: the source is on ", " (/", ", the sink on ", "tmpfs ("+tmp+")", "\n  take --sink file, which lies beside the source")
			if strings.Contains(r.stderr, "--source auto") {
				t.Errorf("it names another source:\n%s", r.stderr)
			}
			args[3] = string(workloads.SinkFile) // as it says
			failsWith(t, zctrace(t, append([]string{"run", "copy-file-range", "--plain", "--bytes", "1MiB"}, args...)...), 0)
		})
	}
}
