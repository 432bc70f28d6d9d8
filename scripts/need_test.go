// Package scripts has no code of its own, but tests of its shell scripts.
package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newcomer is a directory for PATH in which there are these tools of the system, and a
// sudo and an apt-get. That sudo drops the environment, as the real one does, and that
// apt-get appends a line to the file "installed": what it was to install, and who answers its questions.
func newcomer(t *testing.T, tools ...string) (path, installed string) {
	t.Helper()
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
		"":               {"iperf3", "fio", "bpftrace", "strace", "linux-perf"},
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
