package reading

import (
	"cmp"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Text says from where to where, with an arrow of the terminal's.
func (w Route) Text(arrow string) string { return w.From + " " + arrow + " " + w.To }

// ByText names the calls that moved bytes that route, the most first; "" if none did.
func (w Route) ByText() string {
	var names []string
	for _, share := range w.By {
		names = append(names, share.Name)
	}
	return strings.Join(names, ", ")
}

// Sentences say it in words, with an arrow of the terminal's: what was copied and by which calls, what went by
// reference, and what is not known. Names of calls are as the trace has them: not to be drawn unsanitized.
func (v ProgramVerdict) Sentences(arrow string) (list []string) {
	byReference := func(w Route) trace.Int { return w.Referenced }
	byCopy := func(w Route) trace.Int { return w.Copied }
	unknown := v.unknown()
	filled := v.Filled.Bytes.Or(0)
	switch {
	case v.Copied == 0 && v.Referenced == 0 && unknown == "" && filled == 0:
		list = append(list, "No payload was moved.")
	case v.Copied == 0 && v.Referenced == 0 && v.copiesKnown():
		list = append(list, "Nothing was copied.")
	case v.Copied == 0 && v.Referenced == 0: // nothing is known but that
	case v.Copied == 0 && v.copiesKnown():
		list = append(list, "Nothing was copied: all "+human.FormatBytes(v.Referenced)+" moved by reference"+v.list(arrow, v.Referenced, byReference)+".")
	default:
		if v.Copied > 0 {
			list = append(list, "The CPU copied "+human.FormatBytes(v.Copied)+v.how()+v.list(arrow, v.Copied, byCopy)+".")
		}
		if v.Referenced > 0 {
			list = append(list, human.FormatBytes(v.Referenced)+" moved by reference"+v.list(arrow, v.Referenced, byReference)+".")
		} else if !slices.Contains(v.Unknown, trace.PageRefs) {
			list = append(list, "Nothing moved by reference"+v.notStraight()+".")
		}
	}
	if filled > (v.Copied+v.Referenced)/10 { // which is no copy, and yet what the CPU did
		list = append(list, "The CPU filled "+human.FormatBytes(filled)+" with zeros"+noted(v.Filled.Provenance)+".")
	}
	if unknown != "" {
		list = append(list, unknown)
	}
	return list
}

// copiesKnown is whether every class of copies is.
func (v ProgramVerdict) copiesKnown() bool {
	for _, n := range v.Unknown {
		if !n.Moved() {
			return false
		}
	}
	return true
}

// how is whether somebody saw the copies, and "at least" where some are not known.
func (v ProgramVerdict) how() string {
	if !v.copiesKnown() {
		return noted(v.Provenance, "at least")
	}
	return noted(v.Provenance)
}

// noted are notes in brackets, with where a number comes from unless that was observed.
func noted(from trace.Provenance, notes ...string) string {
	if from != trace.Observed {
		notes = append(notes, string(from))
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}

// list names the routes that carry at least a tenth of all bytes of a kind, the most of it first, and says what else there is.
func (v ProgramVerdict) list(arrow string, all int64, of func(Route) trace.Int) string {
	var parts []string
	rest := all
	routes := slices.Clone(v.Routes)
	slices.SortStableFunc(routes, func(a, b Route) int { return -cmp.Compare(of(a).Or(0), of(b).Or(0)) })
	for _, w := range routes {
		if n := of(w).Or(0); n > 0 && n >= all/10 {
			part := w.Text(arrow) + " " + human.FormatBytes(n)
			if len(w.By) > 0 {
				part += " by " + w.By[0].Name
			}
			parts = append(parts, part)
			rest -= n
		}
	}
	if len(parts) == 0 {
		return ""
	}
	if rest > 0 {
		parts = append(parts, human.FormatBytes(rest)+" elsewhere")
	}
	return ": " + strings.Join(parts, ", ")
}

// notStraight says which way no call took, where it could have spared copies, and which call takes it.
func (v ProgramVerdict) notStraight() string {
	if len(v.Straight) == 0 {
		return ""
	}
	w, call := v.Straight[0], "splice does"
	switch {
	case w.From == trace.EndFile && w.To == trace.EndFile:
		call = "copy_file_range does"
	case w.From == trace.EndFile && w.To != trace.EndPipe:
		call = "sendfile does"
	case w.From != trace.EndPipe && w.To != trace.EndPipe:
		call = "splice does through a pipe"
	}
	return ": no call went straight from " + w.From + " to " + w.To + ", as " + call
}

// unknown says what nobody knows.
func (v ProgramVerdict) unknown() string {
	var list []string
	for _, n := range v.Unknown {
		list = append(list, classWords[n])
	}
	if len(list) == 0 {
		return ""
	}
	return "Not known: " + strings.Join(list, ", ") + "."
}

// classWords say in a sentence what each class of a verdict is.
var classWords = map[trace.Number]string{
	trace.ToUser: "copies to user", trace.FromUser: "copies from user", trace.InKernel: "copies in the kernel",
	trace.PageRefs: "what was handed on by reference", trace.Mapped: "what was mapped", trace.Cloned: "what was cloned",
}
