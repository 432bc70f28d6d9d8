//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// contender is a row of the table: what traces the program, or nothing.
type contender struct {
	name string

	// hold is attached and detached around pieces of a program that is there already.
	hold *holding
	// build is the program that holds it: this one, or another build of it.
	build string
	// tool is the command that starts a program and traces it.
	tool func(program []string) []string

	// unable says why it cannot be measured here, "" if it can.
	unable string
}

const (
	untracedName  = "untraced"
	emptyName     = "empty programs on the same tracepoints"
	bystanderName = "zctrace, derived, `--latency on`, attached for another program"

	emptyOffName         = emptyName + ", with `--latency off`"
	execBystanderOffName = "zctrace exec, derived, `--latency off`, attached for another program"
	execBystanderOnName  = "zctrace exec, derived, `--latency on`, attached for another program"
)

// bystanders are rows in which the program is not traced while another one is, each with that of empty programs on the same tracepoints.
var bystanders = []struct{ name, empty string }{
	{bystanderName, emptyName}, {execBystanderOffName, emptyOffName}, {execBystanderOnName, emptyName},
}

const (
	cookie        = 0x7a63_7472_6163_6501
	anotherCookie = cookie + 1<<32
)

// contenders are all rows. The first is what the others are compared with. Behind each of
// zctrace's is the same of the other build, if there is one.
func contenders(self, other string) []contender {
	rows := []contender{{name: untracedName}, {name: "untraced, again"}}
	zctrace := func(name string, h holding) {
		rows = append(rows, contender{name: name, build: self, hold: &h})
		if other != "" {
			rows = append(rows, contender{name: name + otherName, build: other, hold: &h})
		}
	}
	for _, e := range ledger.Engines {
		t, err := tracer.Open(tracer.Options{Copies: e})
		if err != nil {
			rows = append(rows, contender{name: "zctrace, " + string(e), unable: human.FirstLine(err.Error())})
			continue
		}
		t.Close()
		for _, latency := range []bool{false, true} {
			zctrace(fmt.Sprintf("zctrace, %s, `--latency %s`", e, onOff(latency)), holding{Copies: e, Latency: latency})
			zctrace(fmt.Sprintf("zctrace exec, %s, `--latency %s`", e, onOff(latency)), holding{Copies: e, Latency: latency, Follows: true})
		}
	}
	rows = append(rows,
		contender{name: emptyName, build: self, hold: &holding{Empty: true, Latency: true}},
		contender{name: emptyOffName, build: self, hold: &holding{Empty: true}})
	zctrace(bystanderName, holding{Copies: ledger.Derived, Latency: true, Other: true})
	zctrace(execBystanderOffName, holding{Copies: ledger.Derived, Other: true, Follows: true})
	zctrace(execBystanderOnName, holding{Copies: ledger.Derived, Latency: true, Other: true, Follows: true})
	for _, latency := range []bool{false, true} {
		zctrace(fmt.Sprintf("zctrace, derived, `--latency %s`, at perf's events", onOff(latency)), holding{Copies: ledger.Derived, Latency: latency, Perf: true})
	}
	rows = append(rows, contender{name: emptyName + ", perf's", build: self, hold: &holding{Empty: true, Latency: true, Perf: true}})
	zctrace(bystanderName+", at perf's events", holding{Copies: ledger.Derived, Latency: true, Other: true, Perf: true})
	return append(rows,
		tool("`bpftrace internal/overhead/zctrace.bt`", "bpftrace", func(program []string) []string {
			return []string{"-e", script, "-c", strings.Join(program, " ")}
		}),
		tool("`perf stat`, sys_enter, sys_exit, sched_switch", "perf", func(program []string) []string {
			return append([]string{"stat", "-e", "raw_syscalls:sys_enter,raw_syscalls:sys_exit,sched:sched_switch", "--"}, program...)
		}),
		tool("`perf trace -s`", "perf", func(program []string) []string {
			return append([]string{"trace", "-s", "--"}, program...)
		}),
		tool("`strace -c -f`", "strace", func(program []string) []string {
			return append([]string{"-c", "-f", "-o", os.DevNull}, program...)
		}),
	)
}

const otherName = ", the other build"

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

//go:embed zctrace.bt
var script string

// tool is another tracer, which starts the program itself.
func tool(name, command string, args func(program []string) []string) contender {
	c := contender{name: name, tool: func(program []string) []string { return append([]string{command}, args(program)...) }}
	if _, err := exec.LookPath(command); err != nil {
		c.unable = err.Error()
	}
	return c
}
