package trace

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/syscalls"
)

// A path names a number by the keys that lead to it in the JSON, dotted, below
// "total" or the top. It is resolved in the JSON itself, which has what is in the
// catalog and the numbers outside of the counters, too.

// anyKey stands in the template for whatever a run may have.
const anyKey = "*"

// template is the JSON of a trace that has everything there is.
var template = sync.OnceValue(func() map[string]any {
	all := Counters{
		Syscalls:   Syscalls{ByName: map[string]Syscall{anyKey: {Errnos: map[string]Int{anyKey: {}}}}},
		Engines:    map[string]*EngineCounters{anyKey: {}},
		Requests:   map[string]Request{anyKey: {Errnos: map[string]Int{anyKey: {}}}},
		Provenance: map[string]Origin{},
	}
	verified := true
	doc, err := toJSON(&Trace{
		Hooks:    []Hook{},
		Textbook: &Textbook{},
		Samples:  []Sample{},
		Total:    Totals{Sender: all, Receiver: &all, Kernel: all},
		Losses:   map[string]int64{anyKey: 0},
		Run: Run{
			Command: []string{}, Verified: &verified,
			Source: Source{Extents: &Extents{}}, Sink: Sink{Extents: &Extents{}}, Sink2: &Sink{Extents: &Extents{}},
		},
	})
	if err != nil {
		return nil // every path is then unknown; a test sees to it that none is
	}
	return doc
})

// toJSON is a trace, or a part of one, as generic JSON.
func toJSON(value any) (map[string]any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber() // a float64 would round large numbers
	var doc map[string]any
	err = decoder.Decode(&doc)
	return doc, err
}

// splitPath gives the keys of a path from the top.
func splitPath(doc map[string]any, path string) []string {
	keys := strings.Split(path, ".")
	if total, ok := doc["total"].(map[string]any); ok {
		if _, ok := total[keys[0]]; ok {
			return append([]string{"total"}, keys...)
		}
	}
	return keys
}

// checkPath says why a path names no number in any trace.
func checkPath(path string) error {
	doc := template()
	keys := splitPath(doc, path)
	var at any = doc
	for i, key := range keys {
		group, _ := at.(map[string]any)
		next, ok := group[key]
		if wildcard, wild := group[anyKey]; wild {
			if err := checkKey(keys[i-1], key); err != nil {
				return err
			}
			next, ok = wildcard, isName(key) || inCapitals[keys[i-1]] && isErrno(key)
		}
		if !ok {
			return fmt.Errorf("unknown path %s (%s)", printable(path), suggest(path))
		}
		at = next
	}
	switch leaf := at.(type) {
	case json.Number, nil: // numbers that may be unknown are null in the template
		return nil
	case map[string]any:
		if isAmount(leaf) {
			return nil
		}
		return fmt.Errorf("%s is a group (name one number in it%s)", path, example(path))
	}
	return fmt.Errorf("%s is not a number", path)
}

// inCapitals are the groups whose wildcards stand for the names of constants.
var inCapitals = map[string]bool{"errnos": true, "requests": true}

// checkKey says why there is no such system call, request, errno or engine. A call that was not
// made counts as 0 calls, so a misspelt one would meet "== 0" in every run.
func checkKey(group, key string) error {
	switch {
	case group == "errnos" && isErrno(key) && !syscalls.IsErrno(key):
		return fmt.Errorf("unknown errno %s (did you mean %s?)", key, human.Nearest(key, syscalls.Errnos()))
	case group == "requests" && isErrno(key) && !syscalls.IsRequest(key):
		return fmt.Errorf("unknown request %s (did you mean %s?)", key, human.Nearest(key, syscalls.Requests()))
	case !isName(key):
	case group == "by_name" && !syscalls.IsName(key):
		return fmt.Errorf("unknown system call %s (did you mean %s?)", key, human.Nearest(key, syscalls.Names()))
	case group == "engines" && !slices.Contains(Engines, key):
		return fmt.Errorf("unknown engine %s (did you mean %s?)", key, human.Nearest(key, Engines))
	}
	return nil
}

// isName keeps what a path may hold in place of a wildcard to plain words.
func isName(key string) bool {
	return key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// isErrno keeps likewise to plain words what an errno may be called, or a kind of requests.
func isErrno(key string) bool {
	return key != "" && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// isAmount recognises an [Amount], which stands for its bytes.
func isAmount(object map[string]any) bool {
	_, bytes := object["bytes"]
	_, derived := object["derived_bytes"]
	return bytes && derived
}

// numberPaths are all paths that there are, the sender's first. A system call
// or cause of loss that like names in its place is kept.
func numberPaths(like string) []string {
	doc := template()
	names := strings.Split(strings.TrimPrefix(like, "total."), ".")
	var paths []string
	var walk func(path []string, at any)
	walk = func(path []string, at any) {
		group, ok := at.(map[string]any)
		if ok && !isAmount(group) {
			for _, key := range slices.Sorted(maps.Keys(group)) {
				name := key
				if key == anyKey {
					name = wildName(path, names)
				}
				if name != "" {
					walk(append(slices.Clip(path), name), group[key])
				}
			}
			return
		}
		if _, isNumber := at.(json.Number); isNumber || at == nil || ok {
			paths = append(paths, strings.Join(path, "."))
		}
	}
	total, _ := doc["total"].(map[string]any)
	for party := range (&Totals{Receiver: &Counters{}}).Parties() {
		walk([]string{party}, total[party])
	}
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		if key != "total" {
			walk([]string{key}, doc[key])
		}
	}
	return paths
}

// wildName is what stands for a wildcard below path: the name in that place, or
// an example, or "" where there is none.
func wildName(path, names []string) string {
	name := ""
	group := path[len(path)-1]
	if len(names) > len(path) && path[0] == names[0] && (isName(names[len(path)]) || inCapitals[group]) {
		name = names[len(path)]
	}
	switch {
	case group == "by_name" && !syscalls.IsName(name):
		return "read"
	case group == "errnos" && !syscalls.IsErrno(name):
		return "EAGAIN"
	case group == "requests" && !syscalls.IsRequest(name):
		return "IORING_OP_SEND"
	case group == "engines" && !slices.Contains(Engines, name):
		return Engines[0]
	}
	return name
}

// suggest tells the path that was probably meant: one with the same last key, if
// there is one, for it is the groups that people leave out.
func suggest(path string) string {
	paths := numberPaths(path)
	last := path[strings.LastIndexByte(path, '.')+1:]
	same := slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		return p != last && !strings.HasSuffix(p, "."+last)
	})
	if len(same) > 0 {
		return "did you mean " + human.Nearest(path, same) + "?"
	}
	if hint := human.DidYouMean(path, paths); hint != "" {
		return strings.TrimSpace(hint)
	}
	return "paths are those of the JSON, such as sender.copies.from_user"
}

// example is a number below a group, in words.
func example(group string) string {
	prefix := strings.TrimPrefix(group, "total.") + "."
	for _, path := range numberPaths(group) {
		if strings.HasPrefix(path, prefix) {
			return ", such as " + path
		}
	}
	return ""
}
