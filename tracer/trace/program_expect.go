package trace

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
)

// lookUp finds the number at path; if there is none, the error says why.
func (p *Program) lookUp(doc map[string]any, path string) (int64, error) {
	keys := programPaths.split(path)
	var of *Cost
	switch keys[0] {
	case "total":
		of, keys = &p.Total, keys[1:]
	case "others":
		of, keys = &p.Others, keys[1:]
	case processesKey:
		sum, there := p.Named(keys[1])
		if !there {
			return 0, fmt.Errorf("no process of this name was seen (%s)", p.there(keys[1]))
		}
		of, keys = &sum, keys[2:]
	case "advice":
		if p.Advice == nil {
			return 0, fmt.Errorf("found null for %s: the zctrace that wrote this gives no advice", path)
		}
		return int64(len(p.Advice)), nil
	}
	if of == nil {
		return numberAt(doc, keys, func(string) error {
			return fmt.Errorf("found null for %s: %s", path, map[bool]string{true: "no such cause of loss", false: "not counted"}[keys[0] == "losses"])
		})
	}
	if n := len(keys); n == 5 && keys[n-2] == "errnos" {
		if call, made := of.Syscalls.ByName[keys[n-3]]; made && call.FailedWith(keys[n-1]).Known() {
			return call.FailedWith(keys[n-1]).Or(0), nil
		}
	}
	cost, err := toJSON(of)
	if err != nil {
		return 0, err
	}
	return numberAt(cost, keys, func(reason string) error { return of.notCounted(path, keys, reason) })
}

// notCounted says why the number at path, to which keys lead in the cost, is null.
func (c *Cost) notCounted(path string, keys []string, reason string) error {
	number := strings.Join(keys, ".")
	if reason == "" {
		reason = (&Counters{Provenance: c.Provenance}).Origin(number).Reason
	}
	switch {
	case reason != "":
	case strings.Contains(number, ofErrno):
		reason = "of some of these errors the trace has no errno"
	case keys[0] == "engines":
		reason = "it takes --copies all and more than one engine"
	case keys[len(keys)-1] == "time_ns":
		reason = "it takes --latency on"
	default:
		reason = "not counted"
	}
	return fmt.Errorf("found null for %s: %s", path, reason)
}

// there lists which processes there are, or the one that was probably meant.
func (p *Program) there(like string) string {
	const most = 8
	names := p.Names()
	if hint := human.DidYouMean(like, names); hint != "" {
		return printable(strings.TrimSpace(hint))
	}
	switch {
	case len(names) == 0:
		return "there are none in this trace"
	case slices.Equal(names, []string{""}):
		return "which were there is not told: --names none"
	}
	list := printable(strings.Join(names[:min(len(names), most)], ", "))
	if more := len(names) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return "there were " + list
}
