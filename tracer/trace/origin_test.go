package trace

import (
	"maps"
	"reflect"
	"strings"
	"testing"
)

// Every number of Counters must be visited, or Validate would not look at it.
func TestNumbersAndAmountsAreComplete(t *testing.T) {
	var c Counters
	c.Syscalls.ByName = map[string]Syscall{"read": {}}
	c.Engines = map[string]*EngineCounters{"fentry": {}}
	numbers, amounts := maps.Collect(c.numbers()), maps.Collect(c.amounts())
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Interface().(type) {
		case Int:
			if _, ok := numbers[path]; !ok {
				t.Errorf("numbers leaves out %s", path)
			}
			delete(numbers, path)
			return
		case Amount:
			if amounts[path] != v.Addr().Interface() {
				t.Errorf("amounts leaves out %s", path)
			}
			delete(amounts, path)
			return
		case map[string]Syscall:
			call := reflect.New(reflect.TypeFor[Syscall]()).Elem()
			walk(path+".read", call)
			return
		case map[string]*EngineCounters:
			walk(path+".fentry", reflect.ValueOf(c.Engines["fentry"]).Elem())
			return
		}
		if v.Kind() != reflect.Struct {
			return
		}
		for i := range v.NumField() {
			key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			walk(strings.TrimPrefix(path+"."+key, "."), v.Field(i))
		}
	}
	walk("", reflect.ValueOf(&c).Elem())
	if len(numbers) > 0 || len(amounts) > 0 {
		t.Errorf("paths that do not exist: %v %v", numbers, amounts)
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
	if got := none.Origin("cpu.user_ns"); got.Kind != Observed {
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
