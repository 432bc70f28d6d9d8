//go:build linux

package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What cannot be run ends with env(1)'s exit codes, before anything of the user's has run, and
// one message says why.
func TestNotStarted(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inPath := filepath.Join(dir, "bin")
	if err := os.Mkdir(inPath, 0o755); err != nil {
		t.Fatal(err)
	}
	write("bin/unready", "#!/bin/sh\n", 0o644)
	for _, test := range []struct {
		name string
		argv []string
		code int
		want []string
	}{
		{"none", nil, ExitUsage, []string{"exec takes a command", "exec -- COMMAND"}},
		{"empty name", []string{""}, ExitNotFound, []string{"name is empty"}},
		{"not in PATH", []string{"no-such-command"}, ExitNotFound, []string{"no-such-command", "no directory of PATH", "pass your PATH on"}},
		{"no such file", []string{dir + "/none"}, ExitNotFound, []string{dir + "/none: no such file"}},
		{"below a file", []string{write("file", "", 0o644) + "/x"}, ExitNotExecutable, []string{"not a directory"}},
		{"directory", []string{dir}, ExitNotExecutable, []string{"it is a directory"}},
		{"device", []string{"/dev/null"}, ExitNotExecutable, []string{"no regular file"}},
		{"no x bit", []string{write("plain", "#!/bin/sh\n", 0o644)}, ExitNotExecutable, []string{"permission denied", "chmod a+rx " + dir + "/plain"}},
		{"no x bit, in PATH", []string{"unready"}, ExitNotExecutable, []string{inPath + "/unready: permission denied"}},
		{"no interpreter", []string{write("orphan", "#! /no/such -x\n", 0o755)}, ExitNotFound, []string{"first line names /no/such, which is not there"}},
		{"of another machine", []string{write("alien", "\x7fELF\x02\x01\x01\x00", 0o755)}, ExitNotExecutable, []string{"exec format error", "for another machine"}},
		{"a command line", []string{"echo hi | cat"}, ExitNotFound, []string{"execute echo hi | cat: there is no command", "exec -- sh -c 'COMMAND LINE'"}},
		{"a flag", []string{"--json"}, ExitNotFound, []string{"execute --json: there is no command", "flags of exec stand before --"}},
		{"a line break in its name", []string{dir + "/no\nsuch\x1b[2J"}, ExitNotFound, []string{"/no such[2J: there is no command"}},
		{"a loop", []string{loop(t, dir)}, ExitNotExecutable, []string{"too many levels of symbolic links"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := launched(t, test.argv...)
			cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH")+":"+inPath)
			r := finish(t, cmd)
			if r.code != test.code || r.stdout != "" || strings.Count(r.stderr, "launcher:") != 1 {
				t.Errorf("%+v, want status %d", r, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("no %q in %s", want, r.stderr)
				}
			}
		})
	}
}

func loop(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "loop")
	if err := os.Symlink(path, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// A script without #! is the shell's, as for execvp(3); the search goes on behind what is not
// executable; PATH is that of the environment, or the C library's.
func TestSearch(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	for path, mode := range map[string]os.FileMode{first: 0o644, second: 0o755} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "script"), []byte(`echo "$0 $*"`), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ name, argv0, path, want string }{
		{"behind what is not executable", "script", "PATH=/nowhere:" + first + ":" + second, second + "/script a b\n"},
		{"in the working directory", "script", "PATH=/nowhere:", "script a b\n"},
		{"by its path", "./script", "PATH=", "./script a b\n"},
		{"without PATH", "echo", "NOPATH=", "a b\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := launched(t, test.argv0, "a", "b")
			cmd.Env = []string{asLauncher + "=1", test.path}
			cmd.Dir = second
			if r := finish(t, cmd); r != (result{stdout: test.want}) {
				t.Errorf("%+v, want %q", r, test.want)
			}
		})
	}
}
