package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
)

// TestNothingHostileReachesTheTerminal puts it into every string of a trace.
func TestNothingHostileReachesTheTerminal(t *testing.T) {
	tr := tracetest.Failing()
	tr.Run.Path = []trace.Hop{{From: trace.PlaceSource, To: "", Calls: []string{""}}, {From: "", To: trace.PlaceSink, Calls: []string{""}}}
	tr.Run.Sink = tracetest.ToFile().Run.Sink
	tr.Run.Source.Below = slices.Insert(tr.Run.Source.Below, 0, trace.Layer{}) // a file system's own
	tr.Run.Sink.Below = slices.Insert(tr.Run.Sink.Below, 0, trace.Layer{})
	tracetest.Poison(tr)
	tr.Run.Source.Below[0].Kind, tr.Run.Sink.Below[0].Kind = "filesystem", "filesystem"
	tr.Run.Ended = trace.Failed
	tr.Run.Source.Kind, tr.Run.Sink.Kind = "file", "file"
	tr.Run.Path[0].From, tr.Run.Path[1].To = trace.PlaceSource, trace.PlaceSink // or it would not be drawn
	for i := range tr.Samples {
		tr.Samples[i].ElapsedNS = int64(i)
	}
	outputs := map[string]string{
		"table":  report.Table(tr, 80),
		"header": report.PlainHeader(tr),
		"line":   report.PlainLine(nil, tr),
	}
	for _, kind := range []string{"file", tracetest.Hostile} { // texts of their own for kinds that are known
		tr.Run.Sink.Kind, tr.Run.Source.Kind = kind, kind
		tr.Run.Sink.Device.Kind = kind
		outputs["dashboard, "+human.Sanitize(kind)] = modelOf(220, 70, Finished{Trace: tr}, saved{path: tracetest.Hostile}).View()
		for v := range views {
			key := keyPress(fmt.Sprint(v + 1))
			outputs[fmt.Sprintf("view %d, %s", v+1, human.Sanitize(kind))] = modelOf(220, 150, Finished{Trace: tr}, key).View()
			outputs[fmt.Sprintf("narrow view %d, %s", v+1, human.Sanitize(kind))] = modelOf(70, 150, Finished{Trace: tr}, key, keyPress("t")).View()
		}
		outputs["narrow, "+human.Sanitize(kind)] = modelOf(60, 16, Finished{Trace: tr}).View()
		outputs["table, "+human.Sanitize(kind)] = report.Table(tr, 80)
	}
	for name, output := range outputs {
		if harm := tracetest.Harm(output); harm != "" {
			t.Errorf("%s: %s", name, harm)
		}
	}
}

// What is drawn only where there is room for it is no more than it should be there, either.
func TestNothingHostileReachesThePicture(t *testing.T) {
	const hostile = "\x1b[2J"
	tr := tracetest.ToFile()
	tr.Run.Source.Filesystem, tr.Run.Sink.Filesystem = hostile, hostile
	tr.Run.Source.Below, tr.Run.Sink.Below, tr.Run.Sink.Device.Name = nil, nil, hostile
	view := modelOf(220, 70, Finished{Trace: tr}).View()
	if harm := tracetest.Harm(view); harm != "" {
		t.Error(harm)
	}
	if n := strings.Count(view, human.Sanitize(hostile)); n != 3 { // in the header, and at both disks
		t.Errorf("it is drawn %d times, want 3:\n%s", n, view)
	}
}
