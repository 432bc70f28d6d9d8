package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// everyMinute is how often a guest that runs is told of: often enough to see that it does not hang.
const everyMinute = time.Minute

// progress is how far the tests of a guest are.
type progress struct {
	passed, failed int
	now            string // the test that began last
}

var (
	ended = regexp.MustCompile(`(?m)^\x16?--- (PASS|SKIP|FAIL): \w+ \(`)
	begun = regexp.MustCompile(`(?m)^\x16?=== RUN +(\w+)$`)
)

// add reads what a test binary has printed by now. Subtests do not count.
func (p *progress) add(log []byte) {
	for _, line := range ended.FindAllSubmatch(log, -1) {
		if string(line[1]) == "FAIL" {
			p.failed++
		} else {
			p.passed++
		}
	}
	if tests := begun.FindAllSubmatch(log, -1); len(tests) > 0 {
		p.now = string(tests[len(tests)-1][1])
	}
}

// progressOf reads what a guest has left in its directory by now.
func progressOf(dir string) (p progress) {
	for _, pkg := range packages {
		log, _ := os.ReadFile(filepath.Join(dir, filepath.Base(pkg)+".log"))
		p.add(log)
	}
	return p
}

// text is the progress among so many tests.
func (p progress) text(of int) string {
	s := fmt.Sprintf("%d of %d tests done", p.passed+p.failed, of)
	if p.failed > 0 {
		s += fmt.Sprintf(", %d FAILED", p.failed)
	}
	return s
}

// follow tells out of a guest that boots, of how far it is once in each period, and of its end, which
// the function that it returns is to be called at.
func follow(out io.Writer, guest, dir string, tests int, period time.Duration) (done func()) {
	start := time.Now()
	say := func(text string) {
		fmt.Fprintf(out, "      %s: %s, %v\n", guest, text, time.Since(start).Round(time.Second))
	}
	fmt.Fprintf(out, "      %s: boots, to run %d tests\n", guest, tests)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(period)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p := progressOf(dir)
				if p.now == "" {
					say("booting")
				} else {
					say(p.text(tests) + ", now " + p.now)
				}
			case <-stop:
				say("ended, " + progressOf(dir).text(tests))
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
