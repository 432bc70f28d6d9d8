package trace_test

import (
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
)

// expected has rows whose names are hard to write.
func expected() *trace.Program {
	p := tracetest.Nginx()
	p.Processes[2].Comm = `a.b"]=*->0`
	p.Processes[1].CPU.UserNS = trace.Int{}
	p.Processes[1].Provenance["cpu.user_ns"] = trace.Origin{Provenance: trace.Unavailable, Reason: "no clock"}
	p.Others.Moved.Mapped = tracetest.Missing("no hook sees it")
	tracetest.Sum(p)
	return p
}

func TestProgramExpectationMet(t *testing.T) {
	p := expected()
	for _, s := range []string{
		"total.copies.in_kernel == 0",
		"copies.in_kernel.bytes == 0",
		"others.syscalls.calls == 0",
		`processes["nginx"].copies.to_user > 3GiB`,
		`processes["nginx"].copies.to_user <= total.copies.to_user`,
		`processes["nginx"].io.kernel_io.execve.read_bytes == 1632`, // the sum of both rows
		`io.kernel_io.execve.read_bytes == 2448`,
		"io.kernel_io.exit.written_bytes == 0",
		`processes.nginx.syscalls.by_name.read.calls == 12`,
		`processes["a.b\"]=*->0"].syscalls.by_name.read.calls == 6`,
		`syscalls.by_name.read.calls == 3 * processes["a.b\"]=*->0"].syscalls.by_name.read.calls`,
		"total.by_path.file->user.bytes < copies.to_user", // which has what came from TCP, too
		"by_path.file->tcp.bytes==0",
		"by_path.file->user.by_name.pread64.calls == 104858",
		`by_path["user->tcp"].copies.from_user >= 3GiB`,
		"syscalls.by_name.writev.errnos.EAGAIN == 15",
		"syscalls.by_name.writev.errnos.EPIPE == 0",
		"syscalls.by_name.sendfile.errnos.EAGAIN == 0",
		"syscalls.restarted == 0",
		"mode_switches == 2 * syscalls.calls",
		"losses.no_cell == 0",
		"run.exit_status == 0",
		"run.elapsed_ns < 13s",
		"cpu.system_ns < 10s",
	} {
		e, err := trace.ParseProgramExpectation(s)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := e.Check(p); err != nil {
			t.Error(err)
		}
	}
}

func TestProgramExpectationNotMet(t *testing.T) {
	p := expected()
	for s, want := range map[string]string{
		`processes["nginx"].copies.from_user == 0`:     `processes["nginx"].copies.from_user == 0: found 3436178588`,
		`processes["ngnix"].copies.from_user == 0`:     "no process of this name was seen (did you mean nginx?)",
		`processes["postgres"].copies.from_user != 1`:  `no process of this name was seen (there were nginx, a.b"]=*->0)`,
		"moved.mapped < 1MiB":                          "found null for moved.mapped: no hook sees it",
		"total.cpu.user_ns < 1h":                       "found null for total.cpu.user_ns: no clock",
		"advice == 0":                                  "found null for advice: the zctrace that wrote this gives no advice",
		"losses.future == 0":                           "found null for losses.future: no such cause of loss",
		"total.engines.derived.to_user == 0":           "it takes --copies all and more than one engine",
		"syscalls.by_name.writev.errors == 0":          "found 15",
		"total.by_path.user->tcp.bytes < 1GiB":         "found 3436",
		"copies.from_user == 2 * total.copies.to_user": "and total.copies.to_user is 34",
	} {
		e, err := trace.ParseProgramExpectation(s)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := e.Check(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
	p.Advice = make([]trace.Advice, 2)
	e, _ := trace.ParseProgramExpectation("advice == 0")
	if err := e.Check(p); err == nil || !strings.HasSuffix(err.Error(), "found 2") {
		t.Error(err)
	}
}

// A mistake is told before the command is started, with what was probably meant.
func TestProgramExpectationRefused(t *testing.T) {
	for s, want := range map[string]string{
		"total.copies.fromuser == 0":                       "did you mean total.copies.from_user?",
		"from_user == 0":                                   "did you mean total.copies.from_user?",
		"sender.copies.from_user == 0":                     "did you mean total.copies.from_user?",
		`processes["nginx"].copies.fromuser == 0`:          `did you mean processes["nginx"].copies.from_user?`,
		`processes["nginx"] == 0`:                          `is a group (name one number in it, such as processes["nginx"].`,
		`processes["nginx] == 0`:                           "unknown path",
		`processes["nginx"]copies.to_user == 0`:            "unknown path",
		"processes == 0":                                   `is a group (name one number in it, such as processes["nginx"].`,
		`processes[""].copies.to_user == 0`:                "unknown path",
		`processes["gunicorn: worker"].mode_switches == 0`: `the kernel cuts names after 15 bytes: write "gunicorn: worke"`,
		"by_path.file->tpc.bytes == 0":                     "did you mean file->tcp?",
		"syscalls.by_name.raed.calls == 0":                 "did you mean read?",
		"io.kernel_io.execv.read_bytes == 0":               "did you mean execve?",
		"total.copies == 0":                                "total.copies is a group",
		"stacks == 0":                                      "stacks is not a number",
		"total.copies.from_user":                           "no comparison (write PATH OP VALUE, as in 'total.copies.from_user == 0')",
		"payload_bytes == 0":                               "unknown path",
		"0 == total.mode_switches":                         "the path comes first",
		"total.cpu.user_ns < 5":                            "",
		"total.cpu.user_ns < 5kg":                          "is no duration",
	} {
		_, err := trace.ParseProgramExpectation(s)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
}

// FuzzProgramExpectation: what is parsed can be written, parsed again and checked.
func FuzzProgramExpectation(f *testing.F) {
	for _, seed := range []string{
		"total.copies.from_user == 0", `processes["nginx"].copies.to_user < 1MiB`, "advice == 0", "by_path.file->user.bytes != total.copies.to_user",
		`processes["a\"]=*->"].mode_switches == 2*syscalls.calls`, "io.kernel_io.exit.read_bytes == 0", `processes["`, `processes["a"]]..b[ == 0`,
	} {
		f.Add(seed)
	}
	p, bare := expected(), &trace.Program{Schema: trace.ProgramSchema}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := trace.ParseProgramExpectation(s)
		if err != nil {
			return
		}
		if again, err := trace.ParseProgramExpectation(e.String()); err != nil || again != e {
			t.Fatalf("%q became %q: %v", s, e, err)
		}
		_ = e.Check(p)
		_ = e.Check(bare)
	})
}
