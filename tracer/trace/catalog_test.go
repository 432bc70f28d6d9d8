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
			next++
			call.Errnos = map[string]Int{"EAGAIN": Known(next)}
			want[path+".read.errnos.EAGAIN"] = Known(next)
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
