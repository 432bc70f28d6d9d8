package trace

import (
	"maps"
	"reflect"
	"strings"
	"testing"
)

// Every number of Counters is in the catalog once, under the path that leads to it
// in the JSON, and finds itself there.
func TestCatalogIsComplete(t *testing.T) {
	var c Counters
	c.Engines = map[string]*EngineCounters{"fentry": {}}
	want, next := map[string]Int{}, int64(0)
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch field := v.Addr().Interface().(type) {
		case *Int:
			next++
			*field = Known(next)
			want[path] = *field
		case *Amount:
			next++
			*field = Amount{Bytes: Known(next), Provenance: Estimated}
			want[path] = field.Bytes
		case *map[string]Syscall:
			call := Syscall{}
			walk(path+".read", reflect.ValueOf(&call).Elem())
			*field = map[string]Syscall{"read": call}
		case *map[string]*EngineCounters:
			walk(path+".fentry", reflect.ValueOf((*field)["fentry"]).Elem())
		default:
			if v.Kind() != reflect.Struct {
				return
			}
			for i := range v.NumField() {
				key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
				walk(strings.TrimPrefix(path+"."+key, "."), v.Field(i))
			}
		}
	}
	walk("", reflect.ValueOf(&c).Elem())
	got, paths := map[string]Int{}, map[string]Number{}
	for v := range c.All() {
		got[v.Path()] = v.Int
		if other, twice := paths[v.Path()]; twice {
			t.Errorf("%s is number %d and %d", v.Path(), other, v.Number)
		}
		paths[v.Path()] = v.Number
		if isAmount := v.Number.Kind() == Class || v.Number.Kind() == OfEngine; isAmount != (v.Origin.Provenance == Estimated) {
			t.Errorf("%s is of kind %d, and %s", v.Path(), v.Number.Kind(), v.Origin.Provenance)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the catalog finds\n%v\nwant\n%v", got, want)
	}
}

// Whoever reads of a number learns what it is and what it counts.
func TestCatalogTellsOfEachNumber(t *testing.T) {
	for n := range Catalog() {
		if n.Name() == "" || !strings.HasSuffix(n.Meaning(), ".") || strings.Contains(n.Meaning(), "\n") {
			t.Errorf("%s: %q, %q", n, n.Name(), n.Meaning())
		}
		unit := Count
		switch last := n.Path()[strings.LastIndexByte(n.Path(), '.')+1:]; {
		case strings.HasSuffix(last, "_ns"):
			unit = Nanoseconds
		case strings.HasSuffix(last, "bytes"), n.Kind() == Class, n.Kind() == OfEngine:
			unit = Bytes
		}
		if n.Unit() != unit {
			t.Errorf("%s is in unit %d, want %d", n, n.Unit(), unit)
		}
	}
}

// Provenance tells of plain numbers and of groups of them, and of nothing else.
func TestOriginsPaths(t *testing.T) {
	for _, path := range []string{
		"payload_bytes", "cpu", "cpu.user_ns", "syscalls", "syscalls.calls", "syscalls.by_name", "syscalls.by_name.*",
		"syscalls.by_name.*.time_ns", "syscalls.by_name.read", "syscalls.by_name.read.blocked",
	} {
		if err := checkOrigin(path); err != nil {
			t.Errorf("%s %v", path, err)
		}
	}
	for _, path := range []string{
		"cpu.user_nss", "cpu.users_ns", "cpus", "cpu.", "CPU.user_ns", "user_ns", "cpu.user_ns.kind", "sender.cpu.user_ns",
		"page_cache.hits", "page_cache.hit_byte", "", ".", "*", "disk.*", "syscalls.*", "syscalls.by_name.*.times_ns", "syscalls.by_name.read.time",
		"syscalls.by_name.*.latency_log2", "copies", "copies.to_user", "copies.to_user.bytes", "moved", "engines.*.to_user", "\x1b[2J",
	} {
		if checkOrigin(path) == nil {
			t.Errorf("%q is taken for a path", path)
		}
	}
}

func TestOrigin(t *testing.T) {
	c := Counters{Provenance: map[string]Origin{
		"cpu":                        {Estimated, "group"},
		"cpu.runtime_ns":             {Observed, ""},
		"syscalls.by_name.*.time_ns": {Unavailable, "--latency off"},
		"syscalls.by_name.read":      {Estimated, "only read"},
	}}
	for path, want := range map[string]Origin{
		"cpu.user_ns":                    {Estimated, "group"},
		"cpu.runtime_ns":                 {Observed, ""},
		"cpu":                            {Estimated, "group"},
		"disk.read_bytes":                {Observed, ""},
		"syscalls.by_name.write.time_ns": {Unavailable, "--latency off"},
		"syscalls.by_name.write.calls":   {Observed, ""},
		"syscalls.by_name.read.calls":    {Estimated, "only read"},
		"syscalls.by_name.read.time_ns":  {Unavailable, "--latency off"},
		"":                               {Observed, ""},
	} {
		if got := c.Origin(path); got != want {
			t.Errorf("Origin(%q) = %v, want %v", path, got, want)
		}
	}
	var none Counters
	if got := none.Origin("cpu.user_ns"); got.Provenance != Observed {
		t.Errorf("without provenance: %v", got)
	}
}

func TestIntAdd(t *testing.T) {
	const most = 1<<63 - 1
	for _, c := range []struct{ a, b, want Int }{
		{Known(1), Known(2), Known(3)},
		{Known(0), Known(0), Known(0)},
		{Known(5), Known(0), Known(5)},
		{Known(5), Known(-7), Known(-2)},
		{Known(1), Int{}, Int{}},
		{Int{}, Known(1), Int{}},
		{Known(most), Known(0), Known(most)},
		{Known(most), Known(1), Int{}},
		{Known(-most), Known(-2), Int{}},
	} {
		if got := c.a.Add(c.b); got != c.want {
			t.Errorf("%s + %s = %s, want %s", c.a, c.b, got, c.want)
		}
	}
}
