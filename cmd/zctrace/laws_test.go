//go:build linux

package main

import (
	"maps"
	"slices"
	"testing"
)

// law is what the tests hold a strategy to.
type law struct {
	moves   func(*expectation, transfer) // what it must count
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

// laws has a row for each strategy.
var laws = map[string]law{
	"read-write":      {moves: throughBuffer},
	"readv-writev":    {moves: throughBuffer},
	"mmap-write":      {moves: fromBuffer, maps: true},
	"sendfile":        {moves: byReference},
	"splice":          {moves: throughPipe},
	"tee":             {moves: throughTwoPipes},
	"vmsplice":        {moves: throughPipe, maps: true},
	"copy-file-range": {moves: betweenFiles, only: "file", blocks: true},
	"mmap-copy":       {moves: betweenMappings, only: "file", maps: true},
	"direct-io":       {moves: pastThePageCache, direct: true, blocks: true},
	"msg-zerocopy":    {moves: copiedLate, only: "tcp", maps: true},
	"aio":             {moves: pastThePageCache, direct: true, blocks: true, offsets: true},
	"io-uring":        {moves: throughBuffer, offsets: true},
	"io-uring-fixed":  {moves: throughBuffer, offsets: true},
	"io-uring-zc":     {moves: copiedLate, only: "tcp", maps: true, offsets: true},
	"io-uring-splice": {moves: throughPipe, offsets: true},
}

func TestEveryStrategyHasItsLaw(t *testing.T) {
	oncePerMachine(t)
	there := strategyNames()
	slices.Sort(there)
	if held := slices.Sorted(maps.Keys(laws)); !slices.Equal(held, there) {
		t.Errorf("there are laws for %v, want them for %v", held, there)
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
	if t.sink == "file" {
		e.bytes[fromUser] = t.tail // by the page cache
		e.bytes[pageRefs] += t.n - t.tail
		e.unknown = append(e.unknown, fromUser)
	}
}

func betweenMappings(e *expectation, t transfer) { e.bytes[userSpace] = t.n }

func betweenFiles(e *expectation, t transfer) {
	if t.filesystem == "xfs" || t.filesystem == "btrfs" {
		e.bytes[cloned] = t.n
		e.unknown = []string{inKernel, cloned}
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
