//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/zctrace/zctrace/workloads"
)

// law is what the tests hold a strategy to.
type law struct {
	moves   func(*expectation, transfer) // what it must count, by its path
	only    string                       // the one sink that it takes; "": all
	maps    bool                         // it reads its source by mapping it
	offsets bool                         // its calls and requests carry offsets: no lseek
	direct  bool                         // it goes past the page cache
	blocks  bool                         // it moves whole blocks: other chunks it refuses, or moves in another way
}

// transfer is what a strategy has to do: see expect.
type transfer struct {
	sink, filesystem string
	n, tail          int64
}

// laws has a row for each strategy. What must be counted follows from the path that the
// strategy declares.
var laws = func() map[string]law {
	all := map[string]law{}
	for _, s := range workloads.Strategies {
		only := ""
		if len(s.Sinks) > 0 {
			only = string(s.Sinks[0])
		}
		moves := movesAlong(s.Path)
		all[s.Name] = law{moves, only, s.Mapped(), s.Offsets, s.Direct(), s.Direct() || s.Makes("copy_file_range")}
	}
	return all
}()

// movesAlong is what a path must count; nil if nothing is known of such a path.
func movesAlong(path []workloads.Hop) func(*expectation, transfer) {
	var hops []string
	for _, h := range path {
		how := h.By
		if len(h.Calls) == 0 {
			how += " by itself"
		}
		hops = append(hops, h.From+" to "+h.To+" by "+how)
	}
	return map[string]func(*expectation, transfer){
		"source to sink by reference":                                                                                     byReference,
		"source to sink by copy":                                                                                          betweenFiles,
		"source to buffer by copy, buffer to sink by copy":                                                                throughBuffer,
		"source to registered_buffer by copy, registered_buffer to sink by copy":                                          throughBuffer,
		"source to buffer by dma, buffer to sink by dma":                                                                  pastThePageCache,
		"source to mapping by mapping, mapping to sink by copy":                                                           fromBuffer,
		"source to mapping by mapping, mapping to sink by copy by itself":                                                 betweenMappings,
		"source to mapping by mapping, mapping to sink by reference":                                                      copiedLate,
		"source to pipe by reference, pipe to sink by reference":                                                          throughPipe,
		"source to mapping by mapping, mapping to pipe by reference, pipe to sink by reference":                           throughPipe,
		"source to pipe by reference, pipe to sink by reference, pipe to pipe2 by reference, pipe2 to sink2 by reference": throughTwoPipes,
	}[strings.Join(hops, ", ")]
}

func TestEveryStrategyHasItsLaw(t *testing.T) {
	oncePerMachine(t)
	for name, law := range laws {
		if law.moves == nil {
			t.Errorf("nothing says what %s must count along its path", name)
		}
	}
}

func throughBuffer(e *expectation, t transfer) {
	e.bytes[toUser] = t.n
	fromBuffer(e, t)
}

func fromBuffer(e *expectation, t transfer) {
	if t.sink != "null" { // which takes what it is given without a look
		e.bytes[fromUser] = t.n
	}
}

func byReference(e *expectation, t transfer) {
	if t.sink == "file" { // page cache to page cache
		e.bytes[inKernel] = t.n
	} else {
		e.bytes[pageRefs] += t.n
	}
}

func throughPipe(e *expectation, t transfer) {
	e.bytes[pageRefs] = t.n // into its own pipe: a call for each hop
	byReference(e, t)
}

func throughTwoPipes(e *expectation, t transfer) {
	e.bytes[pageRefs] = 2 * t.n // into a pipe, and from there into another
	byReference(e, t)
	t.sink = secondSink(t.sink)
	byReference(e, t)
}

func copiedLate(e *expectation, t transfer) {
	e.bytes[pageRefs] = t.n
	e.bytes[inKernel] = t.n // when the packets arrive, for it is loopback
	e.late = true
}

func pastThePageCache(e *expectation, t transfer) {
	if t.filesystem == "tmpfs" { // copies all the same
		throughBuffer(e, t)
		return
	}
	e.bytes[pageRefs] = t.n
	e.unknown = []string{toUser, pageRefs}
	fromBuffer(e, t)
	switch {
	case t.sink == "file" && t.filesystem == "btrfs" && bounces(): // because of its checksums
		e.bytes[fromUser] = t.n
	case t.sink == "file":
		e.bytes[fromUser] = t.tail // by the page cache
		e.bytes[pageRefs] += t.n - t.tail
		e.unknown = append(e.unknown, fromUser)
	}
}

func betweenMappings(e *expectation, t transfer) { e.bytes[userSpace] = t.n }

func betweenFiles(e *expectation, t transfer) {
	if t.filesystem == "xfs" || t.filesystem == "btrfs" {
		e.bytes[cloned] = t.n
	} else {
		e.bytes[inKernel] = t.n
	}
}

func takes(strategy, sink string) bool {
	only := laws[strategy].only
	return only == "" || only == sink
}

// sinkFor is tcp, or what the strategy takes instead.
func sinkFor(strategy string) string {
	if !takes(strategy, "tcp") {
		return laws[strategy].only
	}
	return "tcp"
}

var wholeBlocks = map[string]string{"4093": "4096", "40000": "40960"}

// chunkFor is the chunk, or the next larger one that is made of whole blocks.
func chunkFor(strategy, chunk string) string {
	if laws[strategy].blocks {
		return wholeBlocks[chunk]
	}
	return chunk
}
