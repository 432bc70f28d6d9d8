//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCompareInTmux sees the table fill, looks away, and finds the ranking.
func TestCompareInTmux(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	p, sender := inTmux(t, 120, 40), held{t: t}
	const compare = " compare read-write mmap-write sendfile --bytes 4MiB --json c.json --rate 4MiB"
	p.types(os.Args[0]+compare+" --rounds 3", "Enter")
	sender.next()
	p.shows(`compare  .*● round 1 of 3`)
	sender.next()
	p.shows(`(?m)^ +1 read-write .··  +█+`) // a row is there,
	p.shows(`(?m)^ . +mmap-write .·· .*►`)  // the next grows,
	p.shows(`mmap-write, round 1 ──`)
	p.shows(`user mapping`)
	p.shows(`(?m)^ . *1? *sendfile +···`) // and the last waits
	p.resize(80, 24)
	p.shows(`of 9 runs   ETA \d`)
	p.types("?")
	p.shows(`slowest round, median, fastest round`)
	p.types("?", "p")
	p.shows(`paused, runs go on`)
	p.types("p", "o")
	sender.next() // of sendfile,
	sender.next() // and the first of the next round
	p.shows(`● round 2 of 3`)
	p.shows(`(?m)sendfile .* 0\.00 d 0 ·`) // it sleeps between the transfers
	p.shows(`(?m)read-write .* 2\.00 d 2 ·`)
	p.shows(`(?m)^ +mmap-write +\d+\.\d+ [ *] +0\.00 d +1\.00 d`) // it does not sleep where it is late
	p.resize(50, 10)
	p.shows(`needs a terminal of 60x16`)
	p.resize(100, 60)
	sender.goesOn()
	p.shows(`compared 3 strategies in 3 rounds`) // it ends by itself
	p.shows(`(?m)^  sendfile +0\.00 d +0\.00 d +0\.00 d +1\.00 d`)
	p.shows(`(?m)^  mmap-write +0\.00 d +1\.00 d +0\.00 d +0\.00 d`)
	p.shows(`(?m)^The fastest first: (read-write|mmap-write|sendfile) `)
	p.isSane()
	if n := len(readSet(t, filepath.Join(p.dir, "c.json")).Traces); n != 9 {
		t.Errorf("%d traces, want 9", n)
	}

	p.types("clear; "+os.Args[0]+compare+" --rounds 99; echo code $?", "Enter")
	for range 3 {
		sender.next()
	}
	p.shows(`2 of 297 runs`)
	p.types("C-c")
	sender.goesOn()
	p.shows(`code 130`)
	p.shows(`compared 2 strategies in 1 round|compared 3 strategies in`)
	p.isSane()
	set := readSet(t, filepath.Join(p.dir, "c.json"))
	if n := len(set.Traces); n < 2 || set.Ranking[0].Rounds != 1 {
		t.Errorf("%d traces, the first place is %+v", n, set.Ranking[0])
	}
	workersAreGone(t)
}

// TestSweepInTmux sees the chart fill, and ends it early.
func TestSweepInTmux(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	needTracing(t)
	p, sender := inTmux(t, 80, 24), held{t: t}
	p.types(os.Args[0]+" sweep read-write sendfile --chunk 4KiB..16KiB --bytes 2MiB --rate 8MiB --rounds 50; echo code $?", "Enter")
	sender.next()
	p.shows(`sweep  .*● round 1 of 50`)
	p.shows(`MiB/s ─+ 4 KiB ─+ 8 KiB ─+ 16 KiB`)
	sender.next()
	p.shows(`● read-write +[\d.]+ +[·⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] +·`) // the first size is there, the others wait
	sender.goesOn()
	p.shows(`■ sendfile +[\d.]+`)
	p.resize(120, 40)
	p.shows(`CPU copies ─+ 4 KiB`)
	p.shows(`● read-write +2\.00d +2\.00d +2\.00d`)
	p.shows(`● round (\d\d|[2-9]) of 50`)
	p.types("q")
	p.shows(`swept 2 strategies over 3 chunk sizes in`)
	p.shows(`code 0`)
	p.isSane()
	workersAreGone(t)
}
