package trace

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

var programFiles = []string{"programs/nginx.json", "programs/nginx-sendfile.json"}

func TestProgramSchemaAccepts(t *testing.T) {
	schema := compileSchema(t, ProgramSchemaJSON)
	for _, name := range programFiles {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validateJSON(t, schema, string(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	minimal, err := Read(strings.NewReader(`{"schema":"zctrace-program/1"}`))
	if err != nil {
		t.Fatal(err)
	}
	var buf strings.Builder
	if err := WriteProgram(&buf, minimal.Program); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{buf.String(), `{"schema":"zctrace-program/1"}`, `{"schema":"zctrace-program/1","future":-1.5}`} {
		if err := validateJSON(t, schema, file); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// objects are so many empty ones.
func objects(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{}
	}
	return list
}

// Each change to a good trace makes one that neither the schema nor Read takes.
func TestProgramSchemaRejects(t *testing.T) {
	schema := compileSchema(t, ProgramSchemaJSON)
	data, err := os.ReadFile("testdata/programs/nginx.json")
	if err != nil {
		t.Fatal(err)
	}
	for path, value := range map[string]any{
		"schema":                         "zctrace-program/2",
		"scope.kind":                     "run",
		"scope.command":                  "nginx",
		"scope.pids":                     []any{"1"},
		"scope.all":                      1,
		"samples":                        objects(MaxSamples + 1),
		"samples.0.elapsed_ns":           -1,
		"samples.1.processes":            objects(MaxSampleProcesses + 1),
		"samples.1.processes.0.calls":    0.5,
		"total":                          []any{},
		"total.mode_switches":            -2,
		"total.syscalls.restarted":       "1",
		"total.copies.to_user.bytes":     nil, // yet observed
		"total.provenance.cpu%user_ns":   map[string]any{"kind": "no"},
		"others.io.kernel_io":            []any{1},
		"processes":                      map[string]any{},
		"others.by_path":                 map[string]any{"file->moon": map[string]any{}},
		"processes#":                     objects(MaxProcesses + 1),
		"processes.0.id":                 -1,
		"processes.0.pid":                "1",
		"processes.0.threads":            "1",
		"processes.0.comm":               1,
		"processes.0.by_path":            map[string]any{"file": map[string]any{}},
		"processes.0.io.rchar":           -1,
		"processes.0.syscalls.by_name":   1,
		"objects":                        map[string]any{},
		"flows":                          1,
		"advice":                         "none",
		"stacks":                         map[string]any{},
		"losses.no_cell":                 nil,
		"losses.no_slot":                 -1,
		"run.ended":                      "crashed",
		"run.started":                    "yesterday",
		"run.latency":                    "on",
		"run.exit_status":                -1,
		"run.command.0":                  1,
		"hooks.0.provenance":             "guessed",
		"processes.0.by_path.file->user": 1,
	} {
		var doc map[string]any
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		keys := strings.Split(path, ".")
		for i := range keys {
			keys[i] = strings.TrimSuffix(strings.ReplaceAll(keys[i], "%", "."), "#")
		}
		put(t, doc, keys, value)
		changed, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := validateJSON(t, schema, string(changed)); err == nil {
			t.Errorf("the schema takes %v as %s", value, path)
		}
		if _, err := Read(strings.NewReader(string(changed))); err == nil {
			t.Errorf("Read takes %v as %s", value, path)
		}
	}
}

// The schema and the Go types name the same keys with the same types, and what both formats have is the same in both.
func TestProgramSchemaMatchesTypes(t *testing.T) {
	var schema, other map[string]any
	if err := json.Unmarshal([]byte(ProgramSchemaJSON), &schema); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(SchemaJSON), &other); err != nil {
		t.Fatal(err)
	}
	defs, others := schema["$defs"].(map[string]any), other["$defs"].(map[string]any)
	schemaMatcher{t, defs}.match("", reflect.TypeFor[Program](), schema)
	for _, name := range []string{
		"natural", "count", "provenance", "tool", "host", "hook", "origin", "engine_counters", "amount", "errnos",
		"context_switches", "moved", "zerocopy", "page_faults", "disk", "cpu",
	} {
		if defs[name] == nil || !reflect.DeepEqual(defs[name], others[name]) {
			t.Errorf("%s is not as in the schema of a run", name)
		}
	}
}

// The template of a cost, from which its paths and origins are taken, has every number of the catalog that costs have.
func TestCostTemplate(t *testing.T) {
	missing := map[string]bool{"payload_bytes": true, "syscalls.transfer_calls": true, "syscalls.short_transfers": true, "copies.user_space": true}
	for n := range Catalog() {
		want := !missing[n.Path()] && n.Group() != "page_cache" && n.Group() != "nic" && n.Group() != "requests"
		if n.OfPrograms() != want {
			t.Errorf("%s of programs: %v", n, n.OfPrograms())
		}
	}
	for path, want := range map[string]bool{
		"cpu.user_ns": true, "cpu": true, "io": true, "io.rchar": true, "io.kernel_io": true, "by_path": true, "syscalls.restarted": true,
		"syscalls.by_name.*.restarted": true, "syscalls.by_name.*.time_ns": true, "by_path.*.calls": true,
		"copies": false, "copies.to_user": false, "moved.mapped": false, "engines": false, "by_path.*.page_refs": false, "provenance": false, "": false,
	} {
		if costOrigins()[path] != want {
			t.Errorf("origin of %q: %v", path, !want)
		}
	}
}
