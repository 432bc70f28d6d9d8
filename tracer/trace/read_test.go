package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/human"
)

func TestReadMinimal(t *testing.T) {
	saved, err := Read(strings.NewReader(` {"schema":"zctrace/1", "future": [1.5, {"a": null}]} `))
	got := saved.Trace
	if err != nil {
		t.Fatal(err)
	}
	if got.Total.Sender.PayloadBytes.Known() || got.Total.Receiver != nil || got.Textbook != nil || got.Run.Verified != nil {
		t.Errorf("something is known: %+v", got)
	}
	if a := got.Total.Kernel.Copies.ToUser; a.Provenance != Unavailable || a.Reason == "" {
		t.Errorf("a missing amount is %+v, want it unavailable with a reason", a)
	}
}

// A later zctrace may count more, and say where that comes from; what a file says of
// a number that it does not have is a mistake.
func TestReadProvenanceOfLaterNumbers(t *testing.T) {
	const file = `{"schema":"zctrace/1","total":{"sender":{"sched":{"migrations":1,"waits":null},"cpu":{"user_ns":1,"steal_ns":2},
		"syscalls":{"calls":1,"by_name":{"read":{"calls":1,"cpu_ns":5}}},"provenance":{%s"cpu.user_ns":{"kind":"estimated","reason":"ticks"}}}}}`
	for path, want := range map[string]bool{
		"sched": true, "sched.migrations": true, "sched.waits": true, "cpu.steal_ns": true, "syscalls.by_name.*.cpu_ns": true,
		"sched.migration": false, "cpu.user_nss": false, "cpu.steal": false, "syscalls.by_name.*.cpu": false, "sched.migrations.x": false, "kernel.cpu": false,
	} {
		saved, err := Read(strings.NewReader(fmt.Sprintf(file, `"`+path+`":{"kind":"derived"},`)))
		got := saved.Trace
		if (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil && (len(got.Total.Sender.Provenance) != 1 || got.Total.Sender.Origin("cpu.user_ns").Provenance != Estimated) {
			t.Errorf("%s: provenance is %v", path, got.Total.Sender.Provenance)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	with := func(members string) string { return `{"schema":"zctrace/1",` + members + `}` }
	for _, c := range []struct{ name, file, why string }{
		{"nothing", "", "empty"},
		{"white space", " \n\t", "empty"},
		{"text", "hello\n", "line 1 is not JSON"},
		{"binary", "\x1f\x8b\x08\x00", "line 1 is not JSON"},
		{"second line", "{\n\"schema\": nope}", "line 2 is not JSON"},
		{"cut off", `{"schema":"zctrace/1",` + "\n" + `"run":{"str`, "cut off: the file ends in line 2"},
		{"trailing garbage", `{"schema":"zctrace/1"} x`, "after top-level value"},
		{"two traces", `{"schema":"zctrace/1"}{"schema":"zctrace/1"}`, "after top-level value"},
		{"a list", `[]`, "found a JSON array where an object is wanted"},
		{"a number", `1`, "found a JSON number"},
		{"null", `null`, "has no schema"},
		{"no schema", `{"a":1}`, "has no schema"},
		{"null schema", `{"schema":null}`, "has no schema"},
		{"a number as schema", `{"schema":1}`, "schema is a JSON number, want a string"},
		{"other file", `{"schema":"http://example.com/x"}`, "not a trace: schema"},
		{"next version", `{"schema":"zctrace/2"}`, `schema "zctrace/2": this zctrace reads "zctrace/1" only`},
		{"longer version", `{"schema":"zctrace/10"}`, "this zctrace reads"},
		{"a set in a set", `{"schema":"zctrace-set/1","traces":[{"schema":"zctrace-set/1"}]}`, "traces[0]: this is a set of traces"},
		{"float", with(`"run":{"elapsed_ns":1.5}`), "run.elapsed_ns is a JSON number 1.5, want an integer"},
		{"float count", with(`"total":{"sender":{"payload_bytes":0.1}}`), "a JSON number 0.1, want an integer"},
		{"exponent", with(`"run":{"payload_bytes":1e3}`), "want an integer"},
		{"too large", with(`"run":{"payload_bytes":9223372036854775808}`), "want an integer"},
		{"NaN", with(`"run":{"payload_bytes":NaN}`), "is not JSON"},
		{"text as count", with(`"run":{"payload_bytes":"12"}`), "a JSON string, want an integer"},
		{"text as list", with(`"samples":"x"`), "samples is a JSON string, want a list"},
		{"list as object", with(`"total":[]`), "total is a JSON array, want an object"},
		{"text as boolean", with(`"run":{"latency":"on"}`), "want true or false"},
		{"number as time", with(`"run":{"started":1}`), "not a JSON string"},
		{"bad time", with(`"run":{"started":"\u001b[2J"}`), `run.started is not a time as RFC 3339 writes it: "`},
		{"negative", with(`"run":{"elapsed_ns":-1}`), "run.elapsed_ns is -1: a count is never negative"},
		{"negative count", with(`"total":{"sender":{"payload_bytes":-1}}`), "never negative"},
		{"ended", with(`"run":{"ended":"crashed"}`), `run.ended is "crashed"`},
		{"provenance", with(`"total":{"sender":{"copies":{"to_user":{"bytes":1,"provenance":"guessed"}}}}`), `"guessed", want "observed"`},
		{"no provenance", with(`"total":{"sender":{"copies":{"to_user":{"bytes":1}}}}`), `to_user is "", want "observed"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			saved, err := Read(strings.NewReader(c.file))
			got, set := saved.Trace, saved.Set
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Fatalf("error %v, want one with %q", err, c.why)
			}
			if got != nil || set != nil {
				t.Error("a trace beside the error")
			}
			if strings.Contains(err.Error(), "\x1b") || strings.Count(err.Error(), "\n") > 1 || len(err.Error()) > 300 {
				t.Errorf("error is not fit for a terminal: %q", err)
			}
		})
	}
}

// Each of these would cost gigabytes if it were decoded.
func TestReadIsBounded(t *testing.T) {
	with := func(members string) string { return `{"schema":"zctrace/1",` + members + `}` }
	many := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	for _, c := range []struct{ name, file, why string }{
		{"samples", with(`"samples":[` + many("{}", 100_000) + `]`), "more than 65536 elements"},
		{"some samples", with(`"samples":[` + many("{}", MaxSamples+1) + `]`), "1001 samples"},
		{"calls", with(`"total":{"sender":{"syscalls":{"by_name":{` + many(`"a":{}`, 100_000) + `}}}}`), "more than 65536 elements"},
		{"values", with(`"x":[` + many("["+many("0", 60_000)+"]", 100) + `]`), "more than 2097152 values"},
		{"lists", with(`"x":[` + many("["+many("[]", 60_000)+"]", 100) + `]`), "more than 2097152 values"},
		{"a string", with(`"x":"` + strings.Repeat(`\"`, 40_000) + `"`), "a string of 80000 bytes"},
		{"a key", with(`"` + strings.Repeat(`k`, 70_000) + `":1`), "a string of 70000 bytes"},
		{"depth", with(`"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)), "nested more than 64 deep"},
		{"great depth", with(`"x":` + strings.Repeat("[", 1_000_000)), "exceeded max depth"},
		{"file", with(`"x":"` + strings.Repeat(" ", maxFileBytes) + `"`), "larger than 64 MiB"},
		{"histogram", with(`"total":{"sender":{"syscalls":{"by_name":{"read":{"latency_log2":[` + many("0", 65) + `]}}}}}`), "65 buckets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Read(strings.NewReader(c.file))
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Fatalf("error %.200v, want one with %q", err, c.why)
			}
			if cost := after.TotalAlloc - before.TotalAlloc; cost > uint64(10*len(c.file))+64<<20 {
				t.Errorf("allocated %s for a file of %s", human.FormatBytes(int64(cost)), human.FormatBytes(int64(len(c.file))))
			}
		})
	}
}

// The largest trace that a run can make must be readable.
func TestReadLargest(t *testing.T) {
	trace := goldenTraces()["read-write.json"]
	for i := range 25 {
		trace.Total.Sender.Syscalls.ByName[fmt.Sprint("syscall_", i)] = goldenCall(0, 1, 1, 1, 20)
	}
	trace.Samples = nil
	for i := range int64(MaxSamples) {
		trace.Samples = append(trace.Samples, Sample{ElapsedNS: i, Totals: trace.Total.WithoutHistograms()})
	}
	var buf bytes.Buffer
	if err := Write(&buf, trace); err != nil {
		t.Fatal(err)
	}
	size := human.FormatBytes(int64(buf.Len()))
	saved, err := Read(&buf)
	got := saved.Trace
	if err != nil {
		t.Fatalf("%s: %v", size, err)
	}
	if !reflect.DeepEqual(got, trace) {
		t.Error("changed on the way")
	}
}

func TestReadFile(t *testing.T) {
	_, err := ReadFile(filepath.Join(t.TempDir(), "none.json"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that it does not exist", err)
	}
	path := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = ReadFile(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("error %v, want it to name the file", err)
	}
	if _, err = ReadFile(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
	if _, err = Read(failingReader{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v, want the reader's", err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// What Read takes, the standard decoder takes for the same.
func TestReadDecodesLikeJSON(t *testing.T) {
	data, err := os.ReadFile("testdata/sendfile.json")
	if err != nil {
		t.Fatal(err)
	}
	var want Trace
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	saved, err := Read(bytes.NewReader(data))
	got := saved.Trace
	if err != nil || !reflect.DeepEqual(got, &want) {
		t.Errorf("Read differs from json.Unmarshal: %v", err)
	}
}
