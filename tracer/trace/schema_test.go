package trace

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compileSchema(t *testing.T, text string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validateJSON(t *testing.T, schema *jsonschema.Schema, file string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(doc)
}

func TestSchemaAccepts(t *testing.T) {
	schema := compileSchema(t, SchemaJSON)
	for name := range goldenTraces() {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := validateJSON(t, schema, string(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	saved, err := Read(strings.NewReader(`{"schema":"zctrace/1"}`))
	minimal := saved.Trace
	if err != nil {
		t.Fatal(err)
	}
	var buf strings.Builder
	if err := Write(&buf, minimal); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{buf.String(), `{"schema":"zctrace/1"}`, `{"schema":"zctrace/1","future":-1.5}`} {
		if err := validateJSON(t, schema, file); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// Each change to a good trace makes one that neither the schema nor Read takes.
func TestSchemaRejects(t *testing.T) {
	schema := compileSchema(t, SchemaJSON)
	for path, value := range map[string]any{
		"schema":                                          "zctrace/2",
		"tool.version":                                    1,
		"host.cpus":                                       -1,
		"hooks":                                           map[string]any{},
		"hooks.0.provenance":                              "",
		"hooks.1.provenance":                              "guessed",
		"hooks.1.misses":                                  -1,
		"hooks.2.attached":                                "yes",
		"textbook.dma.in":                                 -1,
		"textbook.copies.to_user":                         "1",
		"samples":                                         make([]map[string]any, MaxSamples+1),
		"samples.0.elapsed_ns":                            -1,
		"samples.0.sender.payload_bytes":                  0.5,
		"total":                                           []any{},
		"total.receiver":                                  1,
		"total.sender.payload_bytes":                      "67108864",
		"total.sender.mode_switches":                      -2,
		"total.sender.cpu.user_ns":                        1.25,
		"total.sender.copies.to_user.bytes":               nil, // yet derived
		"total.sender.copies.cow.provenance":              "unavailable",
		"total.sender.copies.fill.provenance":             "measured",
		"total.sender.moved.mapped":                       5,
		"total.kernel.copies.to_user.bytes":               5, // yet unavailable
		"total.kernel.copies.to_user.reason":              "",
		"total.kernel.provenance.cpu.kind":                "no",
		"total.kernel.provenance.cpu.reason":              "",
		"total.sender.syscalls.by_name":                   []any{1},
		"total.sender.syscalls.by_name.read":              1,
		"total.sender.syscalls.by_name.read.latency_log2": make([]int, 65),
		"losses.missed_runs":                              nil,
		"losses.cells_full":                               -1,
		"run.ended":                                       "crashed",
		"run.started":                                     "yesterday",
		"run.verified":                                    "true",
		"run.limit_bytes":                                 -1,
		"run.elapsed_ns":                                  "1s",
		"run.command":                                     "zctrace",
		"run.command.0":                                   1,
		"run.sink.device.name":                            5,
	} {
		doc, err := toJSON(goldenTraces()["read-write.json"])
		if err != nil {
			t.Fatal(err)
		}
		put(t, doc, strings.Split(path, "."), value)
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := validateJSON(t, schema, string(data)); err == nil {
			t.Errorf("the schema takes %v as %s", value, path)
		}
		if _, err := Read(strings.NewReader(string(data))); err == nil {
			t.Errorf("Read takes %v as %s", value, path)
		}
	}
}

// put sets one value in generic JSON.
func put(t *testing.T, at any, path []string, value any) {
	t.Helper()
	for i, key := range path {
		last := i == len(path)-1
		switch group := at.(type) {
		case map[string]any:
			if _, ok := group[key]; !ok {
				t.Fatalf("no %v", path)
			}
			if last {
				group[key] = value
			}
			at = group[key]
		case []any:
			index := int(key[0] - '0')
			if last {
				group[index] = value
			}
			at = group[index]
		}
	}
}

// The schema and the Go types name the same keys with the same types.
func TestSchemaMatchesTypes(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal([]byte(SchemaJSON), &schema); err != nil {
		t.Fatal(err)
	}
	m := schemaMatcher{t, schema["$defs"].(map[string]any)}
	m.match("", reflect.TypeFor[Trace](), schema)
}

type schemaMatcher struct {
	*testing.T
	defs map[string]any
}

func (m schemaMatcher) match(path string, typ reflect.Type, schema map[string]any) {
	m.Helper()
	schema = m.resolve(schema)
	switch typ {
	case reflect.TypeFor[Int]():
		m.wantType(path, schema, "integer", "null")
		return
	case reflect.TypeFor[Provenance](), reflect.TypeFor[Ended](), reflect.TypeFor[time.Time]():
		if schema["enum"] == nil && schema["format"] == nil {
			m.Errorf("%s has neither enum nor format", path)
		}
		return
	}
	switch typ.Kind() {
	case reflect.Int, reflect.Int64:
		m.wantType(path, schema, "integer")
	case reflect.Bool:
		m.wantType(path, schema, "boolean")
	case reflect.String:
		if path != ".schema" {
			m.wantType(path, schema, "string")
		}
	case reflect.Slice:
		m.wantType(path, schema, "array", "null")
		m.match(path+"[]", typ.Elem(), schema["items"].(map[string]any))
	case reflect.Map:
		m.wantType(path, schema, "object", "null")
		m.match(path+".*", typ.Elem(), schema["additionalProperties"].(map[string]any))
	case reflect.Pointer:
		m.matchPointer(path, typ, schema)
	case reflect.Struct:
		m.wantType(path, schema, "object")
		m.matchKeys(path, typ, schema["properties"].(map[string]any))
	default:
		m.Errorf("%s: no rule for %v", path, typ)
	}
}

func (m schemaMatcher) matchPointer(path string, typ reflect.Type, schema map[string]any) {
	if typ.Elem().Kind() == reflect.Bool {
		m.wantType(path, schema, "boolean", "null")
		return
	}
	either, _ := schema["anyOf"].([]any)
	if len(either) != 2 {
		m.Errorf("%s is a pointer, but not anyOf something and null", path)
		return
	}
	m.wantType(path, either[1].(map[string]any), "null")
	m.match(path, typ.Elem(), either[0].(map[string]any))
}

func (m schemaMatcher) matchKeys(path string, typ reflect.Type, properties map[string]any) {
	var keys []string
	for _, field := range reflect.VisibleFields(typ) {
		if field.Anonymous || !field.IsExported() {
			continue
		}
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		keys = append(keys, key)
		if property, ok := properties[key].(map[string]any); ok {
			m.match(path+"."+key, field.Type, property)
		}
	}
	slices.Sort(keys)
	if want := slices.Sorted(maps.Keys(properties)); !slices.Equal(keys, want) {
		m.Errorf("%s: %v has %v, the schema %v", path, typ, keys, want)
	}
}

func (m schemaMatcher) resolve(schema map[string]any) map[string]any {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	def, ok := m.defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	if !ok {
		m.Fatalf("the schema has no %s", ref)
	}
	return def
}

func (m schemaMatcher) wantType(path string, schema map[string]any, want ...string) {
	var got []string
	switch types := schema["type"].(type) {
	case string:
		got = []string{types}
	case []any:
		for _, name := range types {
			got = append(got, name.(string))
		}
	}
	if !slices.Equal(got, want) {
		m.Errorf("%s: the schema says %v, want %v", path, got, want)
	}
}

// The schema has every number of the catalog, and its counters have no others. What it
// says of one is what the catalog says.
func TestSchemaMatchesCatalog(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal([]byte(SchemaJSON), &schema); err != nil {
		t.Fatal(err)
	}
	m := schemaMatcher{t, schema["$defs"].(map[string]any)}
	numbers := map[string]map[string]any{}
	var walk func(path string, at map[string]any)
	walk = func(path string, at map[string]any) {
		if either, ok := at["anyOf"].([]any); ok {
			at = either[0].(map[string]any)
		}
		def := m.resolve(at)
		if at["$ref"] == "#/$defs/amount" || strings.Contains(fmt.Sprint(def["type"]), "integer") {
			numbers[path] = at
			return
		}
		properties, _ := def["properties"].(map[string]any)
		for key, property := range properties {
			walk(strings.TrimPrefix(path+"."+key, "."), property.(map[string]any))
		}
		if every, ok := def["additionalProperties"].(map[string]any); ok {
			walk(path+".*", every)
		}
	}
	walk("", map[string]any{"$ref": "#/$defs/counters"})
	for n := range Catalog() {
		want := "#/$defs/count"
		if n.Kind() == Class || n.Kind() == OfEngine {
			want = "#/$defs/amount"
		}
		number := numbers[n.Path()]
		if number["$ref"] != want {
			t.Errorf("%s: the schema says %v, want %s", n, number["$ref"], want)
		}
		if text, ok := number["description"]; ok && text != n.Meaning() {
			t.Errorf("%s: the schema says %q, the catalog %q", n, text, n.Meaning())
		}
		delete(numbers, n.Path())
	}
	for path := range numbers {
		t.Errorf("%s is in the schema, and not in the catalog", path)
	}
	m.wantType("count", m.defs["count"].(map[string]any), "integer", "null")
}

// The enums of the schema are the constants.
func TestSchemaEnums(t *testing.T) {
	for name, valid := range map[string]func(string) bool{
		"provenance": func(s string) bool { return Provenance(s).validate() == nil },
		"ended": func(s string) bool {
			return (&Trace{Run: Run{Ended: Ended(s)}}).validatePlain() == nil
		},
	} {
		var schema struct {
			Defs struct {
				Provenance struct{ Enum []string }
				Run        struct {
					Properties struct{ Ended struct{ Enum []string } }
				}
			} `json:"$defs"`
		}
		if err := json.Unmarshal([]byte(SchemaJSON), &schema); err != nil {
			t.Fatal(err)
		}
		enum := schema.Defs.Provenance.Enum
		if name == "ended" {
			enum = schema.Defs.Run.Properties.Ended.Enum
		}
		if len(enum) != 4 {
			t.Errorf("%s has %d values", name, len(enum))
		}
		for _, value := range enum {
			if !valid(value) {
				t.Errorf("%s: Validate refuses %q", name, value)
			}
		}
	}
}
