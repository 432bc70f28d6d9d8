// Package scripts has no code of its own, but tests of its shell scripts.
package scripts

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// newcomer is a directory for PATH in which there are these tools of the system, and a
// sudo and an apt-get. That sudo drops the environment, as the real one does, and that
// apt-get appends a line to the file "installed": what it was to install, and who answers its questions.
func newcomer(t *testing.T, tools ...string) (path, installed string) {
	t.Helper()
	for _, file := range []string{"../Makefile", "../go.mod", "need", "install"} { // for go test to know that they are tested
		if _, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	path = t.TempDir()
	for _, name := range tools {
		file, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	installed = filepath.Join(path, "installed")
	for name, text := range map[string]string{
		"id":      "echo 1000",
		"sudo":    `exec env -i PATH="$PATH" "$@"`,
		"apt-get": `[ "$1" = update ] || echo "${DEBIAN_FRONTEND-somebody}: $*" >>` + installed,
	} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return path, installed
}

// Packages are installed by name, without what they only recommend, and without a
// question that nobody would see.
func TestNeed(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"all is there", []string{"sh:dash", "/dev/null:makedev"}, ""},
		{"a command and a file are not", []string{"sh:dash", "nothing:some", "/nowhere:thing"}, "noninteractive: install -y -qq --no-install-recommends some thing\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path, installed := newcomer(t, "sh", "env")
			cmd := exec.CommandContext(t.Context(), "./need", test.args...)
			cmd.Env = []string{"PATH=" + path}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got, _ := os.ReadFile(installed); string(got) != test.want {
				t.Errorf("installed %q, want %q", got, test.want)
			}
		})
	}
}

// make bench installs what the benchmarks that were asked for need, and no more.
func TestBenchInstallsWhatItNeeds(t *testing.T) {
	for bench, want := range map[string][]string{
		"Dashboard":      nil,
		"Peers":          {"iperf3", "fio"},
		"Peers/sendfile": {"iperf3", "fio"},
		"Exec":           {"bpftrace", "strace", "gcc", "linux-perf"},
		"":               {"iperf3", "fio", "bpftrace", "strace", "gcc", "linux-perf"},
	} {
		t.Run(bench, func(t *testing.T) {
			path, installed := newcomer(t, "sh", "env", "make", "grep", "chrt", "true")
			cmd := exec.CommandContext(t.Context(), "make", "-C", "..", "bench", "GO=true", "BIN="+path)
			if bench != "" {
				cmd.Args = append(cmd.Args, "BENCH="+bench)
			}
			if err := os.Symlink("true", filepath.Join(path, "overhead")); err != nil {
				t.Fatal(err)
			}
			cmd.Env = []string{"PATH=" + path}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			text, _ := os.ReadFile(installed)
			var got []string
			for word := range strings.FieldsSeq(string(text)) {
				if !strings.HasPrefix(word, "-") && word != "noninteractive:" && word != "install" {
					got = append(got, word)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("make bench BENCH=%s installed %v, want %v", bench, got, want)
			}
		})
	}
}

// A Go that cannot read go.mod is told from a mistake in this tree, and what to do is said.
func TestBuildWithAnOldGo(t *testing.T) {
	path, _ := newcomer(t, "sh", "make", "awk", "false")
	cmd := exec.CommandContext(t.Context(), "make", "-C", "..", "build", "GO=false")
	cmd.Env = []string{"PATH=" + path}
	out, err := cmd.CombinedOutput()
	if want := regexp.MustCompile(`needs Go \d+\.\d+.* or later, .*https://go\.dev/dl`); err == nil || !want.Match(out) {
		t.Errorf("make build with an old Go: %v: %s", err, out)
	}
}

// make install needs no Go where zctrace is built already, as under sudo, writes below
// DESTDIR and PREFIX and nowhere else, and make uninstall leaves no file of it.
func TestInstallAndUninstall(t *testing.T) {
	path, _ := newcomer(t, "sh", "env", "make", "awk", "install", "mktemp", "mkdir", "rm", "cat")
	tree, dest := t.TempDir(), t.TempDir()
	for _, name := range []string{"Makefile", "go.mod", "scripts"} {
		file, err := filepath.Abs(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, filepath.Join(tree, name)); err != nil {
			t.Fatal(err)
		}
	}
	making := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "make", append([]string{"-s", "-C", tree, "DESTDIR=" + dest, "PREFIX=/usr"}, args...)...)
		cmd.Env = []string{"PATH=" + path}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := making("install"); err == nil || !strings.Contains(out, "run make build") {
		t.Errorf("without Go and with nothing built: %v: %s", err, out)
	}
	script := "#!/bin/sh\n" + `if [ "$1" = man ]; then for page in zctrace zctrace-run; do echo page >"$2/$page.1"; done; else echo "$*"; fi`
	if err := os.WriteFile(filepath.Join(tree, "zctrace"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		target string
		want   []string
	}{
		{"install", []string{
			"usr/bin/zctrace -rwxr-xr-x", "usr/share/bash-completion/completions/zctrace -rw-r--r--", "usr/share/fish/vendor_completions.d/zctrace.fish -rw-r--r--",
			"usr/share/man/man1/zctrace-run.1 -rw-r--r--", "usr/share/man/man1/zctrace.1 -rw-r--r--", "usr/share/zsh/site-functions/_zctrace -rw-r--r--",
		}},
		{"uninstall", nil},
	} {
		if out, err := making(test.target); err != nil {
			t.Fatalf("make %s: %v: %s", test.target, err, out)
		}
		var got []string
		err := filepath.WalkDir(dest, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err == nil {
				got = append(got, fmt.Sprint(strings.TrimPrefix(file, dest+"/"), " ", info.Mode()))
			}
			return err
		})
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("after make %s there are %q, want %q (%v)", test.target, got, test.want, err)
		}
	}
}

// kernelTree is a tree with scripts/vm, such a list of kernels, and a PATH for it of these tools, and of others whose
// shell scripts are given.
func kernelTree(t *testing.T, list string, scripts map[string]string, tools ...string) (tree, path string) {
	t.Helper()
	if _, err := os.ReadFile("vm"); err != nil { // for go test to know that it is tested
		t.Fatal(err)
	}
	path, _ = newcomer(t, append(tools, "bash", "sh", "env", "dirname", "awk", "sed", "sort", "grep", "mkdir", "rm", "readlink", "find", "cat")...)
	tree, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	vm, err := filepath.Abs("vm")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"scripts", "internal/guests"} {
		if err := os.MkdirAll(filepath.Join(tree, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(vm, filepath.Join(tree, "scripts/vm")); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{filepath.Join(tree, "internal/guests/kernels.txt"): list}
	for name, script := range scripts {
		files[filepath.Join(path, name)] = "#!/bin/sh\n" + script
	}
	for file, text := range files {
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return tree, path
}

// debian is a tree with such a list of kernels. To fetch them is to run its scripts/vm where Debian has these
// releases, and as a fault is "down", or "broken": each download breaks off. dir is where they are kept.
func debian(t *testing.T, list string) (dir string, fetch func(releases, fault string) (string, error)) {
	t.Helper()
	tree, path := kernelTree(t, list, map[string]string{
		"apt-get": `case "$*" in
indextargets*) echo http://mirror/ bookworm main ;;
*' update '*) [ "$FAULT" != down ] || { echo "E: no mirror" >&2; exit 100; } ;;
*' download '*) touch kernel.deb; [ "$FAULT" != broken ] || { echo "E: it broke off" >&2; exit 100; } ;;
esac
`,
		"apt-cache": `for release in $RELEASES; do echo "linux-image-$release"; done
`,
		"dpkg": `mkdir -p boot lib/modules
for release in $RELEASES; do touch "boot/vmlinuz-$release"; done
`,
		"depmod": "",
	}, "tail", "flock", "mv", "ln", "touch", "printf")
	return filepath.Join(tree, ".bin/vm/kernels"), func(releases, fault string) (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(tree, "scripts/vm"), "--fetch")
		cmd.Env = []string{"PATH=" + path, "RELEASES=" + releases, "FAULT=" + fault}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

// Where no kernel can be fetched, the one of before is taken, and that is told; where there is none, that is
// an error that says what to do. Of each kernel of the list two releases are kept, and of no other one.
func TestKernelsAreFetched(t *testing.T) {
	dir, fetch := debian(t, "6.1 bookworm 6.1 amd64 part derived -\nnewest bookworm * amd64 full derived -\n")
	const a, b, c, d = "6.1.0-9-cloud-amd64", "6.1.0-10-cloud-amd64", "6.1.0-11-cloud-amd64", "7.3.4+deb13-cloud-amd64"
	for _, test := range []struct {
		name, releases, fault string
		says, kept            string // of each that is told, and is there, a word
		fails                 bool
	}{
		{"no mirror, and none is kept", a, "down", "no mirror|kernel 6.1 could not be fetched|vm --fetch 6.1", "", true},
		{"one that breaks off, and none is kept", a, "broken", "fetching the kernel " + a + "|it broke off|none of before is kept", "", true},
		{"the first", a, "", "fetching the kernel " + a, "6.1=" + a + " newest=" + a + " " + a, false},
		{"the same", a, "", "", "6.1=" + a + " newest=" + a + " " + a, false},
		{"a newer one", a + " " + b, "", "fetching the kernel " + b, "6.1=" + b + " newest=" + b + " " + b + " " + a, false},
		{"no mirror", c, "down", "no mirror|WARNING|could not be fetched|taking " + b, "6.1=" + b + " newest=" + b + " " + b + " " + a, false},
		{"one that breaks off", c, "broken", "it broke off|WARNING|could not be fetched|taking " + b, "6.1=" + b + " newest=" + b + " " + b + " " + a, false},
		{"the third", b + " " + c, "", "fetching the kernel " + c + "|removing the kernel " + a, "6.1=" + c + " newest=" + c + " " + b + " " + c, false},
		{"another series", b + " " + c + " " + d, "", "fetching the kernel " + d, "6.1=" + c + " newest=" + d + " " + b + " " + c + " " + d, false},
	} {
		out, err := fetch(test.releases, test.fault)
		if (err != nil) != test.fails {
			t.Errorf("%s: %v: %s", test.name, err, out)
		}
		for word := range strings.SplitSeq(test.says, "|") {
			if !strings.Contains(out, word) || test.says == "" && out != "" {
				t.Errorf("%s: it says %q, want %q in it", test.name, out, word)
			}
		}
		var kept []string
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
				kept = append(kept, e.Name()+"="+to)
			} else if e.IsDir() && e.Name() != "new" {
				kept = append(kept, e.Name())
			}
		}
		want := strings.Fields(test.kept)
		slices.Sort(want)
		if slices.Sort(kept); !slices.Equal(kept, want) {
			t.Errorf("%s: there are %q, want %q", test.name, kept, want)
		}
	}
}

// A guest that ends before it has booted is booted again, and that is told; one that has begun with the command, or
// that somebody has ended, is not.
func TestGuestsAreBootedAgain(t *testing.T) {
	const again = "vm: the guest ended before it had booted (time %d of at most 3)\n"
	for _, test := range []struct {
		name          string
		boots, status int // the time that the guest boots, and how QEMU ends when it does not
		tries, exit   int
		says          string
	}{
		{"it boots", 1, 0, 1, 7, ""},
		{"the second time", 2, 0, 2, 7, fmt.Sprintf(again, 1)},
		{"never", 9, 0, 3, 1, fmt.Sprintf(again+again+again, 1, 2, 3) + "vm: the guest ended before the command did\n"},
		{"somebody ends it", 9, 124, 1, 1, "vm: the guest ended before the command did\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree, path := kernelTree(t, "6.1 bookworm 6.1 amd64 part derived -\n", map[string]string{
				"virtiofsd": "", "modprobe": "", "cpio": "cat", "mkfs.ext4": "", "mkfs.xfs": "", "mkfs.btrfs": "",
				"qemu-system-x86_64": `echo >>"$0.tries"
[ $(grep -c ^ "$0.tries") = $BOOTS ] || exit $STATUS
for word; do case $word in */initrd.gz) work=${word%/*} ;; esac; done
: >"$work/booted"; echo 7 >"$work/exit"
`,
			}, "mktemp", "truncate", "chmod", "cp", "gzip", "paste", "sleep", "timeout")
			kernel := filepath.Join(tree, ".bin/vm/kernels/6.1")
			if err := os.MkdirAll(filepath.Join(kernel, "bin"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(kernel, "bin/busybox"), nil, 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), filepath.Join(tree, "scripts/vm"), "6.1", "true")
			cmd.Env = []string{"PATH=" + path, fmt.Sprint("BOOTS=", test.boots), fmt.Sprint("STATUS=", test.status)}
			out, _ := cmd.CombinedOutput()
			tries, _ := os.ReadFile(filepath.Join(path, "qemu-system-x86_64.tries"))
			if exit := cmd.ProcessState.ExitCode(); exit != test.exit || len(tries) != test.tries || string(out) != test.says {
				t.Errorf("it exits with %d after %d tries, and says %q; want %d, %d, %q", exit, len(tries), out, test.exit, test.tries, test.says)
			}
		})
	}
}
