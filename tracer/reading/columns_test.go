package reading

import (
	"reflect"
	"testing"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Every number of a ranking has a column, under the name that it has in JSON.
func TestEveryRankedNumberHasAColumn(t *testing.T) {
	var r trace.Ranked
	columns := map[*trace.Spread]string{}
	for _, c := range Columns {
		columns[c.Spread(&r)] = c.Path
	}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		if s, ok := v.Addr().Interface().(*trace.Spread); ok {
			if got := columns[s]; got != path[1:] {
				t.Errorf("%s is column %q", path[1:], got)
			}
			return
		}
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.Struct && v.Type().Field(i).Type != reflect.TypeFor[trace.Int]() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Tag.Get("json"))
			}
		}
	}
	walk(reflect.ValueOf(&r).Elem(), "")
}

// What is not known in any round is neither 0 nor empty.
func TestNumbersThatNobodyKnows(t *testing.T) {
	row := &trace.Ranked{}
	for _, c := range Columns {
		if text, marks := c.Text(row), c.Marks(row); text != human.NotCounted || marks != "" {
			t.Errorf("%s reads %q %q", c.Path, text, marks)
		}
	}
	if rank, speeds := RankText(row), Range(row.Throughput); rank != "-" || speeds != "-" {
		t.Errorf("the rank reads %q, the throughput %q", rank, speeds)
	}
	if got := WhyFailed(row); got != "no reason is given" {
		t.Errorf("the error reads %q", got)
	}
}
