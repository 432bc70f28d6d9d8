package tracetest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Hostile is what a process name, a path or a trace from elsewhere may hold.
const Hostile = "a\x1b]0;owned\x07\x1b[2J\x1b[31mb\r\n\tc\u202edcba\u200b\u009b1me\x7f\x00f\xff"

// Harm finds in lines of text what a terminal could take for an order, or a reader for something else;
// "" if there is nothing.
func Harm(text string) string {
	for i, r := range text {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r == '\ufffd') {
			return fmt.Sprintf("%U in %q", r, text[max(0, i-60):min(i+10, len(text))])
		}
	}
	return ""
}

// HostileSet is a comparison with [Hostile] in every string.
func HostileSet() *trace.Set {
	set := Odd()
	for _, tr := range set.Traces {
		strategy, ended := tr.Run.Strategy, tr.Run.Ended
		Poison(tr)
		tr.Run.Strategy, tr.Run.Ended = strategy+Hostile, ended
	}
	for i := range set.Ranking {
		r := &set.Ranking[i]
		strategy := r.Strategy
		Poison(r)
		r.Strategy = strategy + Hostile
	}
	return set
}

// Poison puts [Hostile] into every string that value, a pointer, leads to.
func Poison(value any) { poison(reflect.ValueOf(value).Elem()) }

func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[trace.Provenance]() {
			v.SetString(Hostile)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			element := reflect.New(v.Type().Elem()).Elem()
			element.Set(v.MapIndex(k))
			poison(element)
			v.SetMapIndex(k, element)
			if v.Type() == reflect.TypeFor[map[string]int64]() {
				element.SetInt(7) // losses are drawn when there are any
			}
			v.SetMapIndex(reflect.ValueOf(k.String()+Hostile), element)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() || v.Type() == reflect.TypeFor[trace.Int]() {
			return
		}
		for i := range v.NumField() {
			poison(v.Field(i))
		}
	}
}
