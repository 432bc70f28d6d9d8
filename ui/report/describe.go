package report

import (
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// sourceNames say where the payload comes from, the fullest first.
func sourceNames(s trace.Source) []string {
	name := s.Path
	switch s.Kind {
	case "zero":
		return []string{"/dev/zero"}
	case "auto":
		name = "auto"
	}
	if n, known := s.Bytes.Get(); known {
		return []string{name + " " + human.FormatBytes(n), name}
	}
	return []string{name}
}

// sinkNames say where it goes, the fullest first.
func sinkNames(s trace.Sink) []string {
	switch s.Kind {
	case "null":
		return []string{"/dev/null"}
	case "file":
		return []string{s.Address}
	}
	names := []string{s.Kind}
	if s.Device.Kind != "" && s.Device.Kind != "none" && s.Device.Kind != "memory" {
		names = append([]string{s.Kind + " (" + s.Device.Kind + ")"}, names...)
		if s.Address != "" {
			names = append([]string{s.Kind + " " + s.Address + " (" + s.Device.Kind + ")"}, names...)
		}
	} else if s.Address != "" {
		names = append([]string{s.Kind + " " + s.Address}, names...)
	}
	return names
}

// runSinkNames are those of the sink, or of both.
func runSinkNames(r trace.Run) []string {
	names := sinkNames(r.Sink)
	if r.Sink2 == nil {
		return names
	}
	second := sinkNames(*r.Sink2)
	var both []string
	for i := range max(len(names), len(second)) {
		both = append(both, names[min(i, len(names)-1)]+" and "+second[min(i, len(second)-1)])
	}
	return both
}

// SourceToSink says where the payload goes from and to in at most width cells.
func SourceToSink(l *term.Look, r trace.Run, width int) string {
	arrow := " " + l.Arrow + " "
	sources, sinks := sourceNames(r.Source), runSinkNames(r)
	for _, source := range sources {
		for _, sink := range sinks {
			if s := l.Text(source) + arrow + l.Text(sink); term.Width(s) <= width {
				return s
			}
		}
	}
	// Only paths are that long, and their ends tell them apart.
	source, sink := l.Text(sources[len(sources)-1]), l.Text(sinks[len(sinks)-1])
	room := max(width-term.Width(arrow), 0)
	half := room / 2
	sinkWidth := min(term.Width(sink), max(half, room-term.Width(source)))
	return l.Fit(term.FitEnd(source, room-sinkWidth, l.Ellipsis)+arrow+term.FitEnd(sink, sinkWidth, l.Ellipsis), width)
}

// commandLine is the command as it could be typed again.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		a = human.Sanitize(a)
		if a == "" || strings.ContainsAny(a, " '\"\\$&|;<>()*?[]#~`!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}
