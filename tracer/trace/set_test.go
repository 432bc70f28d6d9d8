package trace

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func goldenSet() *Set {
	return NewSet([]*Trace{
		goldenTraces()["read-write.json"], goldenTraces()["sendfile.json"], goldenTraces()["mmap-write.json"],
		timed("sendfile", 30e6), failing(timed("mmap-write", 40e6), "receiver was killed"), timed("read-write", 70e6), timed("sendfile", 70e6),
	})
}

func written(t *testing.T, s *Set) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := WriteSet(&buf, s); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestSetRoundTrip(t *testing.T) {
	for name, want := range map[string]*Set{"runs": goldenSet(), "nothing": NewSet(nil)} {
		path := filepath.Join(t.TempDir(), "set.json")
		if err := os.WriteFile(path, written(t, want), 0o600); err != nil {
			t.Fatal(err)
		}
		saved, err := ReadFile(path)
		one, got := saved.Trace, saved.Set
		if err != nil || one != nil {
			t.Fatalf("%s: read %v, %v", name, one, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read\n%+v\nwant\n%+v", name, got, want)
		}
		for i, tr := range got.Traces {
			if tr.Samples != nil {
				t.Errorf("%s: trace %d has samples", name, i)
			}
		}
	}
	saved, err := ReadFile("testdata/sendfile.json")
	one, set := saved.Trace, saved.Set
	if err != nil || one == nil || set != nil {
		t.Errorf("a trace is read as %v, %v, %v", one, set, err)
	}
	if len(goldenTraces()["sendfile.json"].Samples) == 0 {
		t.Error("NewSet must have had samples to leave out")
	}
}

func compileSetSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	var id string
	for _, text := range []string{SchemaJSON, SetSchemaJSON} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		id = doc.(map[string]any)["$id"].(string)
		if err := c.AddResource(id, doc); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSetSchemaAccepts(t *testing.T) {
	schema := compileSetSchema(t)
	for _, file := range []string{string(written(t, goldenSet())), string(written(t, NewSet(nil))), `{"schema":"zctrace-set/1"}`} {
		if err := validateJSON(t, schema, file); err != nil {
			t.Errorf("%.200s: %v", file, err)
		}
		if _, err := Read(strings.NewReader(file)); err != nil {
			t.Errorf("%.200s: %v", file, err)
		}
	}
}

// Each change to a good set makes one that neither the schema nor reading takes.
func TestSetSchemaRejects(t *testing.T) {
	schema := compileSetSchema(t)
	for path, value := range map[string]any{
		"schema":                               "zctrace-set/2",
		"traces":                               make([]map[string]any, MaxSetTraces+1),
		"traces.0":                             nil,
		"traces.1.schema":                      SetSchema,
		"traces.0.run.ended":                   "crashed",
		"traces.0.total.sender.mode_switches":  -2,
		"ranking":                              map[string]any{},
		"ranking.0.rank":                       -1,
		"ranking.0.strategy":                   1,
		"ranking.0.rounds":                     -1,
		"ranking.0.failed":                     0.5,
		"ranking.0.throughput.median":          nil,
		"ranking.0.throughput.min":             nil,
		"ranking.0.throughput.max":             "fast",
		"ranking.0.throughput.provenance":      "unavailable",
		"ranking.0.per_mib.calls.provenance":   "guessed",
		"ranking.0.per_mib.calls.min":          -1,
		"ranking.1.cpu_ns_per_kib.user.reason": 5,
		"ranking.1.passes.to_user":             1,
		"overlaps":                             5,
		"overlaps.0.strategies":                []string{"sendfile"},
		"overlaps.0.chunk_bytes":               -1,
	} {
		var doc map[string]any
		if err := json.Unmarshal(written(t, goldenSet()), &doc); err != nil {
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
		if _, err := Read(bytes.NewReader(data)); err == nil {
			t.Errorf("it is read with %v as %s", value, path)
		}
	}
}

// What overlaps follows from the ranking; a set of an older version does not say it.
func TestSetOverlapsAreThoseOfTheRanking(t *testing.T) {
	a, b := timed("read-write", 1e9), timed("sendfile", 1e9)
	pair := Overlap{chunk, []string{"read-write", "sendfile"}}
	for name, c := range map[string]struct {
		traces []*Trace
		said   []Overlap
		valid  bool
	}{
		"as it is":    {[]*Trace{a, a, b, b}, []Overlap{pair}, true},
		"not said":    {[]*Trace{a, a, b, b}, nil, true},
		"none":        {[]*Trace{a, a, b, b}, []Overlap{}, false},
		"twice":       {[]*Trace{a, a, b, b}, []Overlap{pair, pair}, false},
		"with itself": {[]*Trace{a, a}, []Overlap{{chunk, []string{"read-write", "read-write"}}}, false},
		"of a round":  {[]*Trace{a, b}, []Overlap{pair}, false},
		"other size":  {[]*Trace{a, a, b, b}, []Overlap{{1, pair.Strategies}}, false},
	} {
		s := NewSet(c.traces)
		s.Overlaps = c.said
		if err := s.Validate(); (err == nil) != c.valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of a thousand strategies all of which overlap their neighbours, each group is found.
func TestOverlapsOfManyRows(t *testing.T) {
	ranking := make([]Ranked, MaxSetTraces)
	for i := range ranking {
		ranking[i] = Ranked{Strategy: strconv.Itoa(i), Rounds: 2, Throughput: Spread{Median: KnownReal(float64(i)), Min: KnownReal(float64(i)), Max: KnownReal(float64(i + 499))}}
	}
	list := Overlaps(ranking)
	if len(list) != 501 || len(list[0].Strategies) != 500 || list[500].Strategies[0] != "500" {
		t.Errorf("%d groups, want 501 of 500", len(list))
	}
}

// A run without a trace is told of all the same.
func TestSetFailures(t *testing.T) {
	s := NewSet([]*Trace{timed("sendfile", 1e9)}, Failure{"sendfile", chunk, "no memory"}, Failure{"read-write", chunk, "no worker"})
	for i, want := range []struct{ rounds, failed int64 }{{1, 1}, {0, 1}} {
		if r := s.Ranking[i]; r.Rounds != want.rounds || r.Failed != want.failed || r.Error == "" {
			t.Errorf("%s: %+v, want %+v", r.Strategy, r, want)
		}
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}

// Numbers that contradict each other are beyond a schema.
func TestSetLaws(t *testing.T) {
	for name, change := range map[string]func(*Spread){
		"median below min": func(s *Spread) { s.Median = KnownReal(0) },
		"max below median": func(s *Spread) { s.Max = KnownReal(1) },
	} {
		s := goldenSet()
		change(&s.Ranking[0].Throughput)
		if _, err := Read(bytes.NewReader(written(t, s))); err == nil || !strings.Contains(err.Error(), "ranking[0].throughput") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	missing := `{"schema":"zctrace-set/1","ranking":[{"strategy":"future"}]}`
	saved, err := Read(strings.NewReader(missing))
	s := saved.Set
	if err != nil || s.Ranking[0].PerMiB.Calls.Reason != "not in this file" {
		t.Errorf("a number that is missing is %+v, %v", s, err)
	}
}
