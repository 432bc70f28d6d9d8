package trace_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
)

// The traces of programs in testdata are read as what they were made of, and written as they are: for ever, whatever
// comes to the format.
func TestProgramGolden(t *testing.T) {
	for name, want := range map[string]*trace.Program{"programs/nginx.json": tracetest.Nginx(), "programs/nginx-sendfile.json": tracetest.NginxSendfile()} {
		tracetest.Golden(t, name, written(t, want))
		file, err := trace.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if file.Trace != nil || file.Set != nil || !reflect.DeepEqual(file.Program, want) {
			t.Errorf("%s is not what the builder makes (go test -run TestProgramGolden -update)", name)
		}
	}
}

func written(t *testing.T, p *trace.Program) string {
	t.Helper()
	var out bytes.Buffer
	if err := trace.WriteProgram(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A file that has next to nothing in it is one of which nothing was counted; one of a later version is refused, and what
// a later minor one adds is ignored.
func TestReadOfOtherVersions(t *testing.T) {
	for _, c := range []struct{ name, file, why string }{
		{"nothing", `{"schema":"zctrace-program/1"}`, ""},
		{"new keys", `{"schema":"zctrace-program/1","future":{"a":1},"total":{"future":[1]},"processes":null}`, ""},
		{"the origin of a new number", `{"schema":"zctrace-program/1","total":{"future":{"n":1},"provenance":{"future.n":{"kind":"derived"}}}}`, ""},
		{"a misspelt origin", `{"schema":"zctrace-program/1","total":{"provenance":{"cpu.user":{"kind":"derived"}}}}`, "provenance of cpu.user"},
		{"a later version", `{"schema":"zctrace-program/2"}`, `this zctrace reads "zctrace-program/1" only`},
		{"none of ours", `{"schema":"other"}`, "not a trace"},
	} {
		file, err := trace.Read(strings.NewReader(c.file))
		if c.why == "" && (err != nil || file.Program == nil || file.Program.Total.Copies.ToUser.Bytes.Known() || file.Program.Advice != nil) {
			t.Errorf("%s: %v, %+v", c.name, err, file.Program)
		}
		if c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.why)
		}
	}
}

// What this version does not look for is null in the file, and what it looked for in vain is an empty list.
func TestProgramNulls(t *testing.T) {
	p := tracetest.Nginx()
	p.Samples, p.Processes = nil, []trace.ProcessRow{}
	p.Others = p.Total
	p.Flows = []trace.Flow{}
	var doc map[string]any
	if err := json.Unmarshal([]byte(written(t, p)), &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"objects", "advice", "checked", "stacks"} {
		if list, ok := doc[key]; !ok || list != nil {
			t.Errorf("%s is %v, want null", key, list)
		}
	}
	for _, key := range []string{"samples", "processes", "flows"} {
		if list, ok := doc[key].([]any); !ok || len(list) > 0 {
			t.Errorf("%s is %v, want an empty list", key, doc[key])
		}
	}
}

// Each change to a good trace breaks a law.
func TestProgramLaws(t *testing.T) {
	worker := func(p *trace.Program) *trace.ProcessRow { return &p.Processes[0] }
	edit := func(c *trace.Cost, name string, change func(*trace.CostCall)) {
		call := c.Syscalls.ByName[name]
		change(&call)
		c.Syscalls.ByName[name] = call
	}
	path := func(c *trace.Cost, key string, change func(*trace.PathCost)) {
		p := c.ByPath[key]
		change(&p)
		c.ByPath[key] = p
	}
	for _, c := range []struct {
		why   string
		spoil func(p *trace.Program)
	}{
		{"total.zerocopy.completions is not the sum", func(p *trace.Program) { p.Total.Zerocopy.Completions = trace.Known(1) }},
		{"total.io.rchar is not the sum", func(p *trace.Program) { worker(p).IO.Rchar = trace.Known(5) }},
		{"total.disk.read_bytes is not the sum", func(p *trace.Program) { p.Others.Disk.ReadBytes = trace.Int{} }},
		{"total.io.kernel_io.exit.read_bytes is not the sum", func(p *trace.Program) {
			p.Total.IO.KernelIO[trace.KernelExit] = trace.KernelIO{ReadBytes: trace.Known(1), WrittenBytes: trace.Known(0)}
		}},
		{"total.by_path.tcp->user.copies.to_user is not the sum", func(p *trace.Program) {
			path(&p.Total, "tcp->user", func(p *trace.PathCost) { p.Copies.ToUser = tracetest.Observed(1) })
		}},
		{"total.page_faults.minor is not that of the last sample", func(p *trace.Program) { p.Samples[1].Total.PageFaults.Minor = trace.Known(1) }},
		{"processes[0]: syscalls.by_name has", func(p *trace.Program) {
			edit(&worker(p).Cost, "writev", func(c *trace.CostCall) { c.Calls = trace.Known(104_912) })
		}},
		{"mode_switches is", func(p *trace.Program) { worker(p).ModeSwitches = trace.Known(6) }},
		{"restarted calls", func(p *trace.Program) { worker(p).Syscalls.Restarted = trace.Known(1) }},
		{"bytes that pread64 moved", func(p *trace.Program) {
			edit(&worker(p).Cost, "pread64", func(c *trace.CostCall) { c.Bytes = trace.Known(4096) })
		}},
		{"by_path has 0 of the 5 bytes that openat moved", func(p *trace.Program) {
			edit(&worker(p).Cost, "openat", func(c *trace.CostCall) { c.Bytes = trace.Known(5) })
		}},
		{"by_path.file->user.by_name has", func(p *trace.Program) {
			path(&worker(p).Cost, "file->user", func(p *trace.PathCost) { p.Calls = trace.Known(1) })
		}},
		{"bytes of copies.from_user, of which there are", func(p *trace.Program) { worker(p).Copies.FromUser = tracetest.Observed(9) }},
		{"which is no path", func(p *trace.Program) { worker(p).ByPath["moon->user"] = worker(p).ByPath["file->user"] }},
		{"errnos has more in it than the 15 errors", func(p *trace.Program) {
			edit(&worker(p).Cost, "writev", func(c *trace.CostCall) { c.Errnos["EPIPE"] = trace.Known(1) })
		}},
		{"calls in it", func(p *trace.Program) {
			edit(&worker(p).Cost, "writev", func(c *trace.CostCall) { c.LatencyLog2 = []int64{1 << 40} })
		}},
		{"but its provenance is", func(p *trace.Program) { worker(p).Copies.ToUser = trace.Amount{Provenance: trace.Observed} }},
		{"but its provenance is", func(p *trace.Program) {
			worker(p).Provenance["io.rchar"] = trace.Origin{Provenance: trace.Unavailable, Reason: "no hook"}
		}},
		{"tells of no plain number", func(p *trace.Program) { p.Total.Provenance["payload_bytes"] = trace.Origin{Provenance: trace.Derived} }},
		{"tells of no plain number", func(p *trace.Program) { p.Total.Provenance["copies"] = trace.Origin{Provenance: trace.Derived} }},
		{"never negative", func(p *trace.Program) { p.Losses["no_cell"] = -1 }},
		{"never negative", func(p *trace.Program) { worker(p).Threads = -1 }},
		{"never negative", func(p *trace.Program) { worker(p).IO.Wchar = trace.Known(-1) }},
		{"as that of a row before it", func(p *trace.Program) { worker(p).ID = 2 }},
		{"before it started", func(p *trace.Program) { p.Processes[1].EndedNS = trace.Known(0) }},
		{"stands for 2 ended processes", func(p *trace.Program) { worker(p).Folded = 2 }},
		{"scope.kind", func(p *trace.Program) { p.Scope.Kind = "top" }},
		{"run.ended", func(p *trace.Program) { p.Run.Ended = "crashed" }},
		{"which only the total has", func(p *trace.Program) { p.Samples[1].Total = p.Total }},
		{"less than", func(p *trace.Program) { p.Samples[1].ElapsedNS = -1 }},
		{"33 processes", func(p *trace.Program) { p.Samples[1].Processes = make([]trace.ProcessSample, 33) }},
	} {
		p := tracetest.Nginx()
		if err := p.Validate(); err != nil {
			t.Fatalf("the trace is not good: %v", err)
		}
		c.spoil(p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%v, want %q", err, c.why)
		}
	}
}

// Where something was lost, what should add up need not; where a limit was met, it must.
func TestProgramLosses(t *testing.T) {
	for cause, valid := range map[string]bool{"no_cell": true, "future_cause": true, "no_slot": false, "errnos_overflow": false} {
		p := tracetest.Nginx()
		p.Losses[cause] = 3
		p.Processes[0].ModeSwitches = trace.Known(2)
		tracetest.Sum(p)
		if err := p.Validate(); (err == nil) != valid {
			t.Errorf("with %s: %v", cause, err)
		}
		if lost, limited := p.Lost(), p.Limited(); len(lost)+len(limited) != 1 || (len(lost) == 1) != valid {
			t.Errorf("%s: lost %v, limited %v", cause, lost, limited)
		}
	}
}

// What is unknown in one of the parts is unknown in the sum, of maps as of numbers.
func TestSumOfUnknown(t *testing.T) {
	p := tracetest.Nginx()
	p.Others.Copies.InKernel = tracetest.Missing("an overlay")
	p.Others.IO.KernelIO = nil
	p.Others.CPU.UserNS = trace.Int{}
	p.Others.Provenance["cpu.user_ns"] = trace.Origin{Provenance: trace.Unavailable, Reason: "not read"}
	tracetest.Sum(p)
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	c := p.Total
	if c.Copies.InKernel != tracetest.Missing("an overlay") || c.IO.KernelIO != nil || c.CPU.UserNS.Known() || c.Copied().Known() {
		t.Errorf("%+v", c)
	}
	if origin := c.Provenance["cpu.user_ns"]; origin.Provenance != trace.Unavailable {
		t.Errorf("user time is %v", origin)
	}
	if !c.Copies.ToUser.Bytes.Known() || !c.CPU.SystemNS.Known() {
		t.Error("what is known is not")
	}
}

// Rows whose bytes were seen and rows whose bytes were derived make a total of the larger part.
func TestSumOfProvenances(t *testing.T) {
	for _, c := range []struct{ observed, derived, want trace.Amount }{
		{tracetest.Observed(10), tracetest.Derived(3), trace.Amount{Bytes: trace.Known(13), DerivedBytes: trace.Known(3), Provenance: trace.Observed, Reason: tracetest.Derived(0).Reason}},
		{tracetest.Observed(3), tracetest.Derived(10), trace.Amount{Bytes: trace.Known(13), DerivedBytes: trace.Known(10), Provenance: trace.Derived, Reason: tracetest.Derived(0).Reason}},
		{tracetest.Observed(0), tracetest.Derived(0), tracetest.Derived(0)},
	} {
		p := tracetest.Program([]string{"x"}, trace.ProcessRow{Comm: "a", Cost: trace.NoCost()}, trace.ProcessRow{Comm: "b", Cost: trace.NoCost()})
		p.Processes[0].Copies.ToUser, p.Processes[1].Copies.ToUser = c.observed, c.derived
		tracetest.Sum(p)
		if got := p.Total.Copies.ToUser; got != c.want {
			t.Errorf("%+v, want %+v", got, c.want)
		}
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// Engines that counted side by side are in the sum if all counted; who did nothing had nothing to count.
func TestSumOfEngines(t *testing.T) {
	engines := func(names ...string) trace.ProcessRow {
		c := tracetest.CostOf(tracetest.Move{Call: "read", From: "file", To: "user", Calls: 1, Bytes: 7})
		c.Engines = map[string]*trace.EngineCounters{}
		for _, name := range names {
			c.Engines[name] = &trace.EngineCounters{ToUser: tracetest.Observed(7), FromUser: tracetest.Observed(0), InKernel: tracetest.Missing("no hook"), PageRefs: tracetest.Observed(0)}
		}
		return trace.ProcessRow{Comm: "a", Cost: c}
	}
	p := tracetest.Program([]string{"x"}, engines("fentry", "breakpoint", "derived"), engines("derived", "fentry"))
	if got := p.Total.Engines; len(got) != 2 || got["fentry"].ToUser != tracetest.Observed(14) || got["derived"].InKernel != tracetest.Missing("no hook") {
		t.Errorf("%+v", got)
	}
	p.Others.Syscalls.Calls = trace.Known(1)
	if p.Total = trace.SumOf(p.Parts()); len(p.Total.Engines) > 0 {
		t.Errorf("of some calls no engine is known to have counted: %+v", p.Total.Engines)
	}
}

// What has no row for want of room is among the others: the total stays what it was.
func TestSetProcesses(t *testing.T) {
	var rows []trace.ProcessRow
	for i := range int64(trace.MaxProcesses + 10) {
		c := trace.NoCost()
		c.Copies.ToUser = tracetest.Observed(i)
		rows = append(rows, trace.ProcessRow{ID: i, Cost: c})
	}
	others := tracetest.CostOf(tracetest.Move{Call: "getpid", Calls: 3})
	p := &trace.Program{Schema: trace.ProgramSchema}
	p.SetProcesses(rows, others)
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	n := int64(len(rows))
	if p.Total.Copies.ToUser != tracetest.Observed(n*(n-1)/2) || p.Others.Copies.ToUser != tracetest.Observed(45) || p.Others.Syscalls.Calls != trace.Known(3) {
		t.Errorf("total %+v, others %+v", p.Total.Copies, p.Others.Copies)
	}
	if len(p.Processes) != trace.MaxProcesses || p.Processes[0].ID != n-1 || rows[0].ID != 0 {
		t.Errorf("%d rows, the first %d", len(p.Processes), p.Processes[0].ID)
	}
	if p.SetProcesses(nil, trace.NoCost()); p.Processes == nil || p.Validate() != nil {
		t.Errorf("%+v", p.Processes)
	}
}

// A sample is of the processes that copied most.
func TestProgramSampler(t *testing.T) {
	var rows []trace.ProcessRow
	for i := range int64(40) {
		c := trace.NoCost()
		c.Copies.ToUser = tracetest.Observed(i)
		rows = append(rows, trace.ProcessRow{ID: i, Cost: c})
	}
	var samples trace.ProgramSampler
	for i := range int64(3000) {
		samples.Add(i, trace.NoCost(), rows)
	}
	kept := samples.Samples()
	last := kept[len(kept)-1]
	if len(kept) > trace.MaxSamples || last.ElapsedNS != 2999 {
		t.Errorf("%d samples, the last of %d", len(kept), last.ElapsedNS)
	}
	if len(last.Processes) != trace.MaxSampleProcesses || last.Processes[0].ID != 39 || last.Processes[31].ID != 8 {
		t.Errorf("%+v", last.Processes)
	}
}

// With fewer names, nothing that is secret is left anywhere in the file, and the trace is as valid as before.
func TestProgramNames(t *testing.T) {
	p := tracetest.Nginx()
	p.Scope = trace.Scope{Kind: trace.ScopeAttach, Command: []string{"/srv/SECRET/bin/app", "--password=SECRET"}, Comms: []string{"app"}, Cgroups: []string{"/SECRET/app.slice"}, Units: []string{"app.service"}, Containers: []string{"web"}}
	p.Run.Command = []string{"/SECRET/zctrace", "exec", "--", "/srv/SECRET/bin/app", "SECRET"}
	p.Run.Error = "exec /SECRET: no such file"
	p.Processes[0].Exe, p.Processes[0].Cgroup, p.Processes[0].Unit, p.Processes[0].Container = "/SECRET/nginx", "/SECRET/nginx.slice", "nginx.service", "web"
	p.Objects = []trace.Object{{ID: 1, Kind: "file", Name: "/SECRET/data.bin"}, {ID: 2, Kind: "tcp", Local: "10.1.2.3:80", Peer: "[fe80::SECRET]:1"}, {ID: 3, Kind: "tcp", Peer: "[fe80::1]:443"}}
	p.Advice = []trace.Advice{{Rule: "Z1", Text: "SECRET", Measure: "strace /SECRET"}}
	p.Stacks = []trace.Stack{{ID: 1, Frames: []trace.StackFrame{{Function: "main", File: "/SECRET/main.c"}}}}
	full := written(t, p)
	if got := written(t, p.WithNames(trace.NamesFull)); got != full {
		t.Error("full names are not all")
	}
	for names, want := range map[trace.Names][]string{
		trace.NamesBase: {`"zctrace"`, `"exec"`, `"app"`, `"exe":"nginx"`, `"cgroup":"nginx.slice"`, `"app.slice"`, `"nginx.service"`, `"name":"data.bin"`, `"local":":80"`, `"peer":":443"`, `"file":"main.c"`},
		trace.NamesNone: {`"comm":""`, `"exe":""`, `"unit":""`, `"name":""`, `"local":""`},
	} {
		text := written(t, p.WithNames(names))
		if strings.Contains(strings.ReplaceAll(text, "fe80::SECRET", ""), "SECRET") || strings.Contains(text, "10.1.2.3") {
			t.Errorf("%s: a secret is in %s", names, text)
		}
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %s in %s", names, want, text)
			}
		}
		if _, err := trace.Read(strings.NewReader(text)); err != nil {
			t.Error(err)
		}
	}
	if hidden := written(t, p.WithNames(trace.NamesNone)); strings.Contains(hidden, "web") || strings.Contains(hidden, "nginx") || strings.Contains(hidden, `"app`) || strings.Contains(hidden, "main.c") || strings.Contains(hidden, "443") {
		t.Errorf("names in %s", hidden)
	}
	if written(t, p) != full {
		t.Error("the trace itself was changed")
	}
}

// FuzzReadProgram: whatever is read is valid, and is read again as it was written.
func FuzzReadProgram(f *testing.F) {
	small := tracetest.Program([]string{"a"}, trace.ProcessRow{Comm: "a", Cost: tracetest.CostOf(tracetest.Move{Call: "read", From: "file", To: "user", Calls: 2, Bytes: 5, Errors: 1, Errno: "EIO"})})
	small.Samples = nil
	var seed bytes.Buffer
	if err := trace.WriteProgram(&seed, small); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	for _, seed := range []string{
		`{"schema":"zctrace-program/1"}`, `{"schema":"zctrace-program/1","processes":[{"id":1},null],"others":{}}`,
		`{"schema":"zctrace-program/1","samples":[{"elapsed_ns":1,"processes":[{"id":1,"calls":null}]}],"losses":{"\u001b":0}}`,
		`{"schema":"zctrace-program/1","total":{"by_path":{"file->user":{"calls":1,"by_name":{"read":{"calls":1}}}},"io":{"kernel_io":{"exit":{}}},"engines":{"fentry":null,"derived":{}}}}`,
		`{"schema":"zctrace-program/1","processes":[],"total":{"copies":{"to_user":{"bytes":1,"derived_bytes":1,"provenance":"derived"}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := trace.Read(bytes.NewReader(data))
		if err != nil || file.Program == nil {
			return
		}
		if err := file.Program.Validate(); err != nil {
			t.Fatalf("read, but %v", err)
		}
		first := written(t, file.Program)
		again, err := trace.Read(strings.NewReader(first))
		if err != nil {
			t.Fatalf("written, but not read again: %v", err)
		}
		if written(t, again.Program) != first {
			t.Fatal("changed on the way")
		}
		for _, names := range trace.AllNames {
			if _, err := trace.Read(strings.NewReader(written(t, file.Program.WithNames(names)))); err != nil {
				t.Fatalf("not read with names %s: %v", names, err)
			}
		}
	})
}
