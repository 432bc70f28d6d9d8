package trace

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Counters are the costs as far as a party of a run has them, too, for whatever ranges over the [Catalog]. What no
// cost has is null: see [Number.OfPrograms].
func (c *Cost) Counters() *Counters {
	calls := make(map[string]Syscall, len(c.Syscalls.ByName))
	for name, call := range c.Syscalls.ByName {
		calls[name] = call.Syscall
	}
	return &Counters{
		Syscalls:        Syscalls{Calls: c.Syscalls.Calls, ByName: calls},
		ModeSwitches:    c.ModeSwitches,
		ContextSwitches: c.ContextSwitches,
		Copies: Copies{
			ToUser: c.Copies.ToUser, FromUser: c.Copies.FromUser, InKernel: c.Copies.InKernel,
			COW: c.Copies.COW, NetInternal: c.Copies.NetInternal, Fill: c.Copies.Fill,
		},
		Moved:      c.Moved,
		Zerocopy:   c.Zerocopy,
		PageFaults: c.PageFaults,
		Disk:       c.Disk,
		CPU:        c.CPU,
		Engines:    c.Engines,
		Provenance: c.Provenance,
	}
}

// OfPrograms is whether a [Cost] has the number, too.
func (n Number) OfPrograms() bool {
	var at any = costTemplate()
	for key := range strings.SplitSeq(n.Path(), ".") {
		group, _ := at.(map[string]any)
		next, ok := group[key]
		if !ok {
			return false
		}
		at = next
	}
	return true
}

// own are the plain numbers that only a cost has, by their path.
func (c *Cost) own() map[string]Int {
	numbers := map[string]Int{
		"syscalls.restarted": c.Syscalls.Restarted,
		"io.rchar":           c.IO.Rchar,
		"io.wchar":           c.IO.Wchar,
	}
	for name, call := range c.Syscalls.ByName {
		numbers[byNamePrefix+name+".restarted"] = call.Restarted
	}
	for cause, k := range c.IO.KernelIO {
		numbers["io.kernel_io."+cause+".read_bytes"], numbers["io.kernel_io."+cause+".written_bytes"] = k.ReadBytes, k.WrittenBytes
	}
	for key, path := range c.ByPath {
		prefix := "by_path." + key + "."
		numbers[prefix+"calls"], numbers[prefix+"bytes"] = path.Calls, path.Bytes
		for name, call := range path.ByName {
			numbers[prefix+"by_name."+name+".calls"], numbers[prefix+"by_name."+name+".bytes"] = call.Calls, call.Bytes
		}
	}
	return numbers
}

// amounts are all that a path has, by the rest of their path.
func (p *PathCost) amounts() map[string]*Amount {
	return map[string]*Amount{
		"copies.to_user": &p.Copies.ToUser, "copies.from_user": &p.Copies.FromUser, "copies.in_kernel": &p.Copies.InKernel,
		"page_refs": &p.PageRefs, "cloned": &p.Cloned,
	}
}

// whole are the numbers with all that is known of each, by their path: of a plain number no more than Bytes.
func (c *Cost) whole() map[string]Amount {
	numbers, counters := map[string]Amount{}, c.Counters()
	for n, key := range counters.places() {
		if n.OfPrograms() {
			numbers[n.pathOf(key)] = counters.wholeOf(n, key)
		}
	}
	for path, number := range c.own() {
		numbers[path] = Amount{Bytes: number}
	}
	for key, path := range c.ByPath {
		for rest, amount := range path.amounts() {
			numbers["by_path."+key+"."+rest] = *amount
		}
	}
	return numbers
}

// costTemplate is the JSON of a cost that has everything there is.
var costTemplate = sync.OnceValue(func() map[string]any {
	doc, _ := toJSON(everyCost()) // a test sees to it that there is no error
	return doc
})

// everyCost has every key that a cost may have.
func everyCost() *Cost {
	c := NoCost()
	c.Syscalls.ByName[anyKey] = CostCall{Syscall: Syscall{Errnos: map[string]Int{anyKey: {}}}}
	c.ByPath[anyKey] = PathCost{ByName: map[string]PathCall{anyKey: {}}}
	c.IO.KernelIO[anyKey] = KernelIO{}
	c.Engines = map[string]*EngineCounters{anyKey: {}}
	return &c
}

// costOrigins are the paths that a cost's Provenance may tell of: those of plain numbers and of the groups above them.
var costOrigins = sync.OnceValue(func() map[string]bool {
	paths := map[string]bool{}
	var walk func(path []string, at map[string]any)
	walk = func(path []string, group map[string]any) {
		for _, key := range slices.Sorted(maps.Keys(group)) {
			below := append(slices.Clip(path), key)
			next, isGroup := group[key].(map[string]any)
			if key == "provenance" || below[0] == "engines" || isGroup && isAmount(next) {
				continue
			}
			if paths[strings.Join(below, ".")] = true; isGroup {
				walk(below, next)
			}
		}
	}
	walk(nil, costTemplate())
	for _, classes := range []string{"copies", "moved"} { // whose numbers have their own
		delete(paths, classes)
	}
	return paths
})
