package trace

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/syscalls"
)

// A path names a number by the keys that lead to it in the JSON, dotted, below
// "total" or the top. It is resolved in the JSON itself, which has what is in the
// catalog and the numbers outside of the counters, too. A key that is no plain word
// stands in brackets and quotes: processes["nginx"].

// anyKey stands in the template for whatever a run may have.
const anyKey = "*"

// paths are those of a format.
type paths struct {
	template func() map[string]any // the JSON of a trace that has everything there is
	example  string                // of a path
	below    []string              // the keys of total, in the order in which paths below them are suggested
	left     string                // with what paths begin that suggestions leave out
	seldom   string                // a key that is meant only where it is written
}

var runPaths = &paths{template, "sender.copies.from_user", []string{senderName, receiverName, kernelName}, "total.", ""}

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

// split gives the keys of a path from the top.
func (p *paths) split(path string) []string {
	keys := splitKeys(path)
	if total, ok := p.template()["total"].(map[string]any); ok {
		if _, ok := total[keys[0]]; ok {
			return append([]string{"total"}, keys...)
		}
	}
	return keys
}

// splitKeys takes a path apart at its dots and brackets.
func splitKeys(path string) (keys []string) {
	for path != "" || len(keys) == 0 {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			return append(keys, path)
		}
		keys = append(keys, path[:end])
		if path[end] == '[' {
			quoted, err := strconv.QuotedPrefix(path[end+1:])
			key, rest := "", strings.TrimPrefix(path[end+1:], quoted)
			if err == nil {
				key, err = strconv.Unquote(quoted)
			}
			if err != nil || !strings.HasPrefix(rest, "]") {
				return append(keys, "") // which no key is
			}
			if keys, path = append(keys, key), rest[1:]; path == "" {
				return keys
			}
			if path[0] != '.' {
				return append(keys, "")
			}
			path = path[1:]
			continue
		}
		path = path[end+1:]
	}
	return append(keys, "")
}

// joinKeys writes a path.
func joinKeys(keys []string) string {
	var b strings.Builder
	for i, key := range keys {
		switch {
		case i > 0 && keys[i-1] == processesKey:
			b.WriteString("[" + strconv.Quote(key) + "]")
		case i > 0:
			b.WriteString("." + key)
		default:
			b.WriteString(key)
		}
	}
	return b.String()
}

// check says why a path names no number in any trace.
func (p *paths) check(path string) error {
	keys := p.split(path)
	var at any = p.template()
	for i, key := range keys {
		group, _ := at.(map[string]any)
		next, ok := group[key]
		if wildcard, wild := group[anyKey]; wild {
			if err := checkKey(keys[i-1], key); err != nil {
				return err
			}
			next, ok = wildcard, mayBe(keys[i-1], key)
		}
		if !ok {
			return fmt.Errorf("unknown path %s (%s)", printable(path), p.suggest(path))
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
		return fmt.Errorf("%s is a group (name one number in it%s)", printable(path), p.within(path))
	}
	return fmt.Errorf("%s is not a number", printable(path))
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
	case group == processesKey && len(key) > maxComm:
		return fmt.Errorf("no process is called %.40q (the kernel cuts names after %d bytes: write %q)", key, maxComm, key[:maxComm])
	case group == "by_path" && !mayBe(group, key):
		return fmt.Errorf("unknown path of bytes %.40q (did you mean %s?)", key, human.Nearest(key, pathKeys()))
	case !isName(key):
	case group == "kernel_io" && key != KernelExit && !syscalls.IsName(key):
		return fmt.Errorf("unknown cause %s (did you mean %s?)", key, human.Nearest(key, append(syscalls.Names(), KernelExit)))
	case group == "by_name" && !syscalls.IsName(key):
		return fmt.Errorf("unknown system call %s (did you mean %s?)", key, human.Nearest(key, syscalls.Names()))
	case group == "engines" && !slices.Contains(Engines, key):
		return fmt.Errorf("unknown engine %s (did you mean %s?)", key, human.Nearest(key, Engines))
	}
	return nil
}

// mayBe is whether a key may stand in place of the wildcard of a group.
func mayBe(group, key string) bool {
	switch group {
	case processesKey:
		return key != ""
	case "by_path":
		return isPath(key)
	}
	return isName(key) || inCapitals[group] && isErrno(key)
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

// numbers are all paths that there are, those that most people ask for first. A system call,
// process or cause of loss that like names in its place is kept.
func (p *paths) numbers(like string) []string {
	doc := p.template()
	total, _ := doc["total"].(map[string]any)
	names := p.split(like)
	var list []string
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
			list = append(list, strings.TrimPrefix(joinKeys(path), p.left))
		}
	}
	for _, key := range p.below {
		walk([]string{"total", key}, total[key])
	}
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		if key != "total" && (key != p.seldom || key == names[0]) {
			walk([]string{key}, doc[key])
		}
	}
	return list
}

// wildName is what stands for a wildcard below path: the name in that place, or
// an example, or "" where there is none.
func wildName(path, names []string) string {
	name := ""
	group := path[len(path)-1]
	if len(names) > len(path) && path[0] == names[0] && (mayBe(group, names[len(path)]) || inCapitals[group]) {
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
	case group == processesKey && name == "":
		return "nginx"
	case group == "by_path" && !mayBe(group, name):
		return PathKey(EndFile, EndUser)
	case group == "kernel_io" && name == "":
		return "execve"
	}
	return name
}

// suggest tells the path that was probably meant: one with the same last key, if
// there is one, for it is the groups that people leave out.
func (p *paths) suggest(path string) string {
	list := p.numbers(path)
	last := path[strings.LastIndexByte(path, '.')+1:]
	same := slices.DeleteFunc(slices.Clone(list), func(p string) bool {
		return p != last && !strings.HasSuffix(p, "."+last)
	})
	if len(same) > 0 {
		return "did you mean " + human.Nearest(path, same) + "?"
	}
	if hint := human.DidYouMean(path, list); hint != "" {
		return strings.TrimSpace(hint)
	}
	return "paths are those of the JSON, such as " + p.example
}

// within is a number below a group, in words.
func (p *paths) within(group string) string {
	prefix := strings.TrimPrefix(joinKeys(p.split(group)), p.left)
	for _, path := range p.numbers(group) {
		if rest := strings.TrimPrefix(path, prefix); rest != path && strings.Trim(rest[:1], ".[") == "" {
			return ", such as " + path
		}
	}
	return ""
}
