//go:build linux

package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// everyday runs programs that every system has, each under a name of its own. It takes little time where it takes long
// to attach: all of them are in the tree of one exec.
const everyday = "testdata/programs/everyday.sh"

// everydaySize is of its data, in bytes. With breakpoints an emulated guest takes microseconds for each 8 of them.
const everydaySize = 64 << 10

// busybox is whether the programs are its, as in a guest that cannot run the host's.
func busybox() bool {
	to, err := filepath.EvalSymlinks("/bin/cat")
	return err == nil && filepath.Base(to) == "busybox"
}

// everydayPrograms are the files of its programs, by the names that it gives them.
func everydayPrograms(t *testing.T, client string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(everyday)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	add := func(name, program string) {
		switch file, err := exec.LookPath(program); {
		case err == nil:
			files[name] = file
		case program != python:
			cannot(t, err.Error()+": make deps installs it")
		}
	}
	for _, found := range regexp.MustCompile(`(?m)(?:^|\| )(as|serve) ([\w.]+) ([\w/]+)`).FindAllStringSubmatch(string(text), -1) {
		if found[1] == "serve" {
			add("get."+found[2], client)
			found[2] = "serve." + found[2]
		}
		add(found[2], found[3])
	}
	return files
}

// everydayHere has everyday find what it takes: programs by their names, and directories with data, which it
// returns.
func everydayHere(t *testing.T, data []byte) (dirs []string) {
	t.Helper()
	path, _ := program(t)
	t.Setenv("PATH", filepath.Dir(path)+":"+os.Getenv("PATH"))
	client := "curl -s -o"
	if busybox() {
		client = "wget -q -O"
	}
	disk := onDisks(t)[0]
	mustBeKnown(t, disk.dir)
	env := map[string]string{
		"NAMES": t.TempDir(), "CLIENT": client, "PORT": strconv.Itoa(freePort(t)), "PYTHON": "", "XFS": "",
		"PLACE": filepath.Dir(sourceOn(t, disk, 0)), "OVERLAY": filepath.Dir(overlay(t, disk.dir, 0)),
	}
	dirs = []string{env["PLACE"], env["OVERLAY"]}
	for _, f := range filesystems(t) {
		if f.name == "xfs" {
			env["XFS"] = filepath.Dir(sourceOn(t, f, 0))
			dirs = append(dirs, env["XFS"])
		}
	}
	for name, file := range everydayPrograms(t, strings.Fields(client)[0]) {
		if file == python {
			env["PYTHON"] = "is here"
		}
		if err := os.Symlink(file, filepath.Join(env["NAMES"], name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range dirs {
		file, when := filepath.Join(dir, "data"), time.Unix(1e9, 0) // which tar writes
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, when, when); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	return dirs
}

// mustBeKnown skips the test on a file system of whose files less is known than it wants. Those of guests are known.
func mustBeKnown(t *testing.T, dir string) {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	switch fs.Type {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC:
	default:
		cannot(t, fmt.Sprintf("%s is on a file system (%#x) that may copy where nobody looks: mount ext4, xfs, btrfs or tmpfs there", dir, fs.Type))
	}
}

// everydayBy has engines count it.
func everydayBy(t *testing.T, engines string, dirs []string, data []byte) *trace.Program {
	t.Helper()
	_, measure := program(t)
	shell := "bash"
	if busybox() {
		shell = "sh"
	}
	script, err := filepath.Abs(everyday)
	if err != nil {
		t.Fatal(err)
	}
	p, own := executed(t, []string{"--copies", engines}, []string{measure, "measure", shell, script})
	nothingLost(t, p, "raced_descriptors")
	asked := own[[2]string{"read", "proc"}].bytes // by measure, after it had the answer
	if io := p.Total.IO; io.Rchar != trace.Known(own.said("io", "rchar")+asked) || io.Wchar != trace.Known(own.said("io", "wchar")) {
		t.Errorf("%v bytes read and %v written, the kernel has %d and %d", io.Rchar, io.Wchar, own.said("io", "rchar")+asked, own.said("io", "wchar"))
	}
	for _, dir := range dirs {
		asData(t, dir, data)
	}
	return p
}

// asData wants the copies in a directory to be as data, and leaves only that.
func asData(t *testing.T, dir string, data []byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		if strings.HasSuffix(file, ".copy") {
			if copied, err := os.ReadFile(file); err != nil || !bytes.Equal(copied, data) {
				t.Errorf("%s is not as data (%v)", file, err)
			}
		}
		if e.Name() != "data" {
			os.Remove(file)
		}
	}
}

// amounts are what programs did, by the program's name, the path of single calls, and class or call: of a program
// without a path in all.
type amounts map[string]trace.Amount

func (a amounts) add(amount trace.Amount, words ...string) { a[strings.Join(words, " ")] = amount }

// amountsOf are those of a trace, by its engine.
func amountsOf(p *trace.Program) amounts {
	a := amounts{}
	for i := range p.Processes {
		row := &p.Processes[i]
		if row.Comm == "measure" { // which has read numbers that are longer or shorter
			continue
		}
		a.add(row.Copies.ToUser, row.Comm, "to_user")
		a.add(row.Copies.FromUser, row.Comm, "from_user")
		a.add(row.Copies.InKernel, row.Comm, "in_kernel")
		a.add(row.Moved.PageRefs, row.Comm, "page_refs")
		a.add(row.Moved.Cloned, row.Comm, "cloned")
		for path, of := range row.ByPath {
			if strings.Contains(path, trace.EndControl) {
				continue // as when Go's runtime wakes a thread: no payload
			}
			a.add(of.Copies.ToUser, row.Comm, path, "to_user")
			a.add(of.Copies.FromUser, row.Comm, path, "from_user")
			a.add(of.Copies.InKernel, row.Comm, path, "in_kernel")
			a.add(of.PageRefs, row.Comm, path, "page_refs")
			a.add(of.Cloned, row.Comm, path, "cloned")
			for call, by := range of.ByName {
				if by.Bytes != trace.Known(0) { // a call that moves nothing may be one of several tries
					a.add(trace.Amount{Bytes: by.Bytes}, row.Comm, path, call)
				}
			}
		}
	}
	return a
}

// amountsBy are those of one of several engines, in all.
func amountsBy(p *trace.Program, engine string) amounts {
	a := amounts{}
	for i := range p.Processes {
		row := &p.Processes[i]
		if by := row.Engines[engine]; by != nil && row.Comm != "measure" {
			a.add(by.ToUser, row.Comm, "to_user")
			a.add(by.FromUser, row.Comm, "from_user")
			a.add(by.InKernel, row.Comm, "in_kernel")
			a.add(by.PageRefs, row.Comm, "page_refs")
		}
	}
	return a
}

// unknownTo are those that an engine cannot know: without hooks that is what direct I/O copies, and what is a reflink or a
// copy; of a direct read nobody knows whether a hole was filled in.
func unknownTo(engine string) []string {
	unknown := []string{"direct page_refs", "direct file->user page_refs"}
	if engine != "derived" {
		return unknown
	}
	unknown = append(unknown, "direct to_user", "direct from_user", "direct file->user to_user", "direct user->file from_user", "direct user->file page_refs")
	if !busybox() { // which has no copy_file_range
		unknown = append(unknown, "xfs.cat in_kernel", "xfs.cat cloned", "xfs.cat file->file in_kernel", "xfs.cat file->file cloned")
	}
	return unknown
}

// skipped is whether an engine does not know a number because the kernel skipped events at functions, as it does now and
// then where programs can be preempted there.
func skipped(n trace.Amount) bool {
	return !n.Bytes.Known() && strings.HasPrefix(n.Reason, "the kernel skipped fe")
}

// mayBeUnknown is whether a number may be unknown besides. Outside of guests nobody knows whether file.* are where cp and cat may make
// reflinks, and whether these programs do.
func mayBeUnknown(engine, key string) bool {
	return engine == "derived" && !inGuest() && regexp.MustCompile(`^(file|over)\.(cp|cat) (file->file )?(in_kernel|cloned)$`).MatchString(key)
}

// unseenBy is of how many bytes at most an engine with hooks sees no copy: what goes by reference has none, and some programs
// look something up in /proc and /sys, which no hook of fentry reads: Go's all mounts, for the limits of its cgroup.
func unseenBy(t *testing.T, engine, key string) int64 {
	t.Helper()
	switch {
	case strings.HasSuffix(key, " page_refs"), strings.HasSuffix(key, " cloned"):
		return everydaySize
	case engine == "fentry" && strings.HasSuffix(key, " to_user") && (strings.Count(key, " ") == 1 || strings.Contains(key, " file->user ")):
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		return 2048 + int64(len(mounts))
	}
	return 0
}

// honest wants an engine to know all that it can, from its hooks if it has any, to say why of the rest, and to find the
// same on an overlay as on the file system below.
func (a amounts) honest(t *testing.T, engine string) {
	t.Helper()
	unknown := unknownTo(engine)
	for key, n := range a {
		if skipped(n) {
			t.Logf("%s: %s: %s", engine, key, n.Reason)
			continue
		}
		if n.Bytes.Known() == slices.Contains(unknown, key) && !mayBeUnknown(engine, key) || !n.Bytes.Known() && n.Reason == "" {
			t.Errorf("%s: %s is %v: %s", engine, key, n.Bytes, n.Reason)
		}
		if rest, on := strings.CutPrefix(key, "over."); on && n != a["file."+rest] && !skipped(a["file."+rest]) {
			t.Errorf("%s: on the overlay %s is %+v, and on the file system below %+v", engine, rest, n, a["file."+rest])
		}
		if derived := n.DerivedBytes.Or(0); engine != "derived" && derived > unseenBy(t, engine, key) {
			t.Errorf("%s: %s has %d bytes derived of %v", engine, key, derived, n.Bytes)
		}
	}
}

// asTheyAre wants the payload to have gone the ways that these programs are known for.
func (a amounts) asTheyAre(t *testing.T, engine string) {
	t.Helper()
	want := map[string]int64{
		"file.dd user->file from_user": everydaySize, "file.dd user->file write": everydaySize,
		"file.to pipe->user to_user": everydaySize, "file.to pipe->user read": everydaySize, "file.to user->file from_user": everydaySize,
		"serve.file file->tcp page_refs": everydaySize - 512, "serve.file file->tcp sendfile": everydaySize - 512, // for it has looked at these
		"get.file user->file from_user": everydaySize, "get.wrapped user->file from_user": everydaySize,
	}
	if busybox() {
		maps.Copy(want, map[string]int64{"file.from file->pipe page_refs": everydaySize, "file.from file->pipe sendfile": everydaySize})
	} else {
		maps.Copy(want, map[string]int64{"file.from user->pipe from_user": everydaySize, "file.from user->pipe write": everydaySize})
	}
	if inGuest() { // where file.* are on ext4
		maps.Copy(want, map[string]int64{"file.cp file->file in_kernel": everydaySize, "file.cat file->file in_kernel": everydaySize})
		if !busybox() {
			want["xfs.cp file->file cloned"] = everydaySize
		}
		if engine != "derived" {
			want["direct user->file page_refs"], want["direct user->file from_user"] = everydaySize, 0
		}
	}
	for key, bytes := range want {
		if a[key].Bytes != trace.Known(bytes) && !skipped(a[key]) {
			t.Errorf("%s: %s is %v, want %d", engine, key, a[key].Bytes, bytes)
		}
	}
	for _, served := range []string{"file", "wrapped", "python"} {
		copied, referenced, got := a["serve."+served+" user->tcp from_user"], a["serve."+served+" file->tcp page_refs"], a["get."+served+" tcp->user to_user"]
		if skipped(copied) || skipped(referenced) || skipped(got) || served == "python" && os.Getenv("PYTHON") == "" {
			continue
		}
		if sent := copied.Bytes.Or(0) + referenced.Bytes.Or(0); sent < everydaySize || got.Bytes != trace.Known(sent) {
			t.Errorf("%s: of %s %d bytes were sent, and %v received", engine, served, sent, got.Bytes)
		}
	}
}

// agree wants two engines to have seen the same where both know it.
func (a amounts) agree(t *testing.T, engine string, b amounts, other string) {
	t.Helper()
	for key, n := range a {
		if m, is := b[key]; !is || n.Bytes.Known() && m.Bytes.Known() && n.Bytes != m.Bytes {
			t.Errorf("%s is %v by %s, and %v by %s (%v)", key, n.Bytes, engine, m.Bytes, other, is)
		}
	}
}

// Programs that every system has, servers and their clients among them: on each kernel each engine sees the same of them
// by class, by path and by call, or says why it cannot know. On an overlay that is what it is on the file system below.
func TestFollowsEverydayPrograms(t *testing.T) {
	data := make([]byte, everydaySize)
	_, _ = rand.NewChaCha8([32]byte{17}).Read(data) // never fails
	dirs := everydayHere(t, data)
	p := everydayBy(t, "all", dirs, data)
	engines := slices.Sorted(maps.Keys(p.Total.Engines))
	if len(engines) == 0 {
		engines = []string{p.Run.Engine}
	}
	if must := strings.Fields(os.Getenv(enginesEnv)); len(must) > 0 && !slices.Equal(engines, slices.Sorted(slices.Values(must))) {
		t.Fatalf("the engines %v counted, want %v", engines, must)
	}
	first := amountsOf(p)
	first.honest(t, p.Run.Engine)
	first.asTheyAre(t, p.Run.Engine)
	for _, engine := range engines {
		beside := amountsBy(p, engine)
		beside.honest(t, engine)
		beside.agree(t, engine, first, p.Run.Engine)
		if engine == p.Run.Engine {
			continue
		}
		alone := amountsOf(everydayBy(t, engine, dirs, data))
		alone.honest(t, engine)
		alone.asTheyAre(t, engine)
		alone.agree(t, engine, first, p.Run.Engine)
		first.agree(t, p.Run.Engine, alone, engine)
	}
}
