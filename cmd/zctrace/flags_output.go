//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/outfile"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// outputFlags say what becomes of the result.
type outputFlags struct {
	expect    []string
	json      string
	jsonGiven bool
	plain     bool
	quiet     bool
	onStderr  bool // the result is told there
}

// register makes the flags; example is an expectation.
func (o *outputFlags) register(cmd *cobra.Command, example string) {
	f := cmd.Flags()
	f.StringArrayVar(&o.expect, "expect", nil, "exit with 4 unless `EXPR` holds, e.g. '"+example+"'; repeatable")
	f.StringVar(&o.json, "json", "", "write the trace to `FILE`, or - for standard output")
	f.BoolVar(&o.plain, "plain", false, "plain text, also on a terminal")
	f.BoolVar(&o.quiet, "quiet", false, "print errors only, no table and nothing meanwhile: for --json and --expect")
	complete(cmd, "expect")
}

func parseExpectations(texts []string) ([]trace.Expectation, error) {
	var out []trace.Expectation
	for _, text := range texts {
		e, err := trace.ParseExpectation(text)
		if err != nil {
			return nil, usageError("--expect: %w", err)
		}
		out = append(out, e)
	}
	return out, nil
}

// file is where --json writes to, "-" for all names of standard output, and "" if it
// does not. Whether it can is found out before the run.
func (o *outputFlags) file(work workloads.Work) (string, error) {
	path := o.json
	switch {
	case path == "" && !o.jsonGiven:
		if stdoutClosed() && !o.quiet && !o.onStderr {
			fmt.Fprintln(os.Stderr, "zctrace: standard output is closed (or /dev/null, opened for reading and writing), so the result is not shown; --json FILE would keep it")
		}
		return "", nil
	case path == "":
		return "", usageError("--json \"\": take a file, or - for standard output")
	case path == "-" || sameFile(path, "/proc/self/fd/1"):
		if stdoutClosed() {
			return "", fault.Errorf(fault.Failed, "give --json a file", "standard output is closed, and --json - would lose the trace")
		}
		return "-", nil
	case sameFile(path, work.Source.Path):
		return "", fault.Errorf(fault.Usage, "take another file", "--json %s would replace the source", path)
	}
	for _, sink := range work.Sinks {
		if sink.Path != "" && (sameFile(path, sink.Path) || sameEntry(path, sink.Path)) {
			return "", fault.Errorf(fault.Usage, "take another file", "--json %s would replace the sink", path)
		}
	}
	return path, checkOutput(path)
}

// checkOutput says before the work whether a file could be written after it.
func checkOutput(path string) error {
	err := asUser(func() error { return outfile.Check(path) })
	info, _ := os.Stat(path)
	switch {
	case err == nil:
	case info != nil && info.IsDir():
		err = fault.Errorf(fault.Usage, "", "%w", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		err = fault.Errorf(fault.Unsupported, "", "%w", err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EBADF):
		err = fault.Errorf(fault.Usage, "", "%w", err)
	}
	return err
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// sameEntry reports whether both name the same file, which need not exist yet.
func sameEntry(a, b string) bool {
	dirA, nameA := filepath.Split(a)
	dirB, nameB := filepath.Split(b)
	return nameA == nameB && sameFile(dirA+".", dirB+".")
}
