//go:build linux

package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/zctrace/zctrace/internal/outfile"
	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/export"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
)

// A format that is added to the list has its flag where it is of use, and is told from the others elsewhere.
func TestFormatOfTraces(t *testing.T) {
	oncePerMachine(t)
	formats := export.Formats
	defer func() { export.Formats = formats }()
	export.Formats = append(slices.Clone(formats), &export.Format{
		Name: "strategy", Help: "print the strategy", Extension: "txt",
		Trace: func(w io.Writer, t *trace.Trace) error {
			_, err := io.WriteString(w, t.Run.Strategy+"\n")
			return err
		},
	})
	dir := t.TempDir()
	one, set := filepath.Join(dir, "one.json"), filepath.Join(dir, "set.json")
	if err := outfile.Write(one, func(w io.Writer) error { return trace.Write(w, tracetest.Whole("sendfile")) }); err != nil {
		t.Fatal(err)
	}
	if err := outfile.Write(set, func(w io.Writer) error { return trace.WriteSet(w, tracetest.Odd()) }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"show", "--strategy", one}, exitDone, "sendfile\n"},
		{[]string{"show", "--strategy", one, one}, exitUsage, "--strategy is for one trace"},
		{[]string{"show", "--strategy", set}, exitUsage, set + " is a comparison: --strategy is for one trace"},
		{[]string{"show", "--markdown", one}, exitUsage, one + " is one trace: --markdown and --csv are for what compare wrote"},
		{[]string{"show", "--markdown", one, one}, exitUsage, "--markdown and --csv are for what compare wrote"},
		{[]string{"show", "--csv", "--strategy", one}, exitUsage, "--csv and --strategy are two forms of one table: take one"},
		{[]string{"compare", "--strategy"}, exitUsage, "unknown flag: --strategy"},
	} {
		root, out, code := newRoot(), &strings.Builder{}, exitDone
		root.SetArgs(c.args)
		root.SetOut(out)
		if called, err := root.ExecuteC(); err != nil {
			code = exitCode(err)
			out.WriteString(complaint(called, err))
		}
		if code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%q: exit code %d, %q; want %d, %q", c.args, code, out, c.code, c.want)
		}
	}
}

// A trace of programs is shown as it was printed at its end, without root; two are put side by side, and what is not of its
// kind is refused.
func TestShowPrograms(t *testing.T) {
	oncePerMachine(t)
	const programs = "../../tracer/trace/testdata/programs/"
	run, set := "../../tracer/trace/testdata/sendfile.json", filepath.Join(t.TempDir(), "set.json")
	if err := outfile.Write(set, func(w io.Writer) error { return trace.WriteSet(w, tracetest.Odd()) }); err != nil {
		t.Fatal(err)
	}
	a, b := programs+"nginx.json", programs+"nginx-sendfile.json"
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"show", a}, exitDone, report.Program(tracetest.Nginx(), report.Look, tableWidth)},
		{[]string{"show", "--plain", b}, exitDone, report.Program(tracetest.NginxSendfile(), report.Look, tableWidth)},
		{[]string{"show", a, b}, exitDone, report.ProgramDifference(tracetest.Nginx(), tracetest.NginxSendfile(), "nginx.json", "nginx-sendfile.json", tableWidth)},
		{[]string{"show", a, run}, exitUsage, a + " is a trace of programs, and " + run + " that of a run of zctrace's own: compare two of one kind"},
		{[]string{"show", run, a}, exitUsage, a + " is a trace of programs, and " + run},
		{[]string{"show", a, set}, exitUsage, set + " is a comparison of its own"},
		{[]string{"show", "--csv", a}, exitUsage, a + " is a trace of programs: there is no --csv of it"},
	} {
		root, out, code := newRoot(), &strings.Builder{}, exitDone
		root.SetArgs(c.args)
		root.SetOut(out)
		if called, err := root.ExecuteC(); err != nil {
			code = exitCode(err)
			out.WriteString(complaint(called, err))
		}
		if code != c.code || !strings.Contains(out.String(), c.want) || code == exitDone && out.String() != c.want {
			t.Errorf("%q: exit code %d, %q; want %d, %q", c.args, code, out, c.code, c.want)
		}
	}
}

// On a terminal a table is as wide as that is, with the signs that it can show; elsewhere it is as in a mail.
func TestTableLook(t *testing.T) {
	oncePerMachine(t)
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer tty.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 132, Rows: 40}); err != nil {
		t.Fatal(err)
	}
	for locale, arrow := range map[string]string{"C.UTF-8": "→", "C": "->"} {
		t.Setenv("LC_ALL", locale)
		if look, width := tableLook(tty, false); width != 132 || look.Arrow != arrow || look.ASCII != (locale == "C") {
			t.Errorf("%s: %d cells, %q", locale, width, look.Arrow)
		}
		if look, width := tableLook(tty, true); width != tableWidth || look != report.Look {
			t.Errorf("plain: %d cells, %q", width, look.Arrow)
		}
		file, err := os.Create(filepath.Join(t.TempDir(), "table"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for _, out := range []io.Writer{file, &strings.Builder{}} {
			if look, width := tableLook(out, false); width != tableWidth || look != report.Look {
				t.Errorf("%T: %d cells, %q", out, width, look.Arrow)
			}
		}
	}
}

// The expectation that the help has as an example is one.
func TestExampleExpectations(t *testing.T) {
	oncePerMachine(t)
	example := func(name string) string {
		cmd, _, err := newRoot().Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(cmd.Flags().Lookup("expect").Usage, "e.g. '")
		text, _, _ := strings.Cut(rest, "'")
		return text
	}
	if _, err := trace.ParseExpectation(example("run")); err != nil {
		t.Error(err)
	}
	if _, err := trace.ParseProgramExpectation(example("exec")); err != nil {
		t.Error(err)
	}
}
