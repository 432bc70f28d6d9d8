package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed kernels.txt
var kernelsText []byte

// kernel is a line of kernels.txt, which says what its fields mean.
type kernel struct{ name, suite, version, arch, ci, engines, parameters string }

// kernels are all that there are, in the list's order.
var kernels = readKernels(kernelsText)

func readKernels(text []byte) (all []kernel) {
	for line := range bytes.Lines(text) {
		if f := strings.Fields(string(line)); len(f) >= 7 && f[0] != "#" {
			all = append(all, kernel{f[0], f[1], f[2], f[3], f[4], f[5], strings.Join(f[6:], " ")})
		}
	}
	return all
}

func kernelNames() (names []string) {
	for _, k := range kernels {
		names = append(names, k.name)
	}
	return names
}

// job is a kernel on which the tests run, all or a part of them.
type job struct {
	kernel

	part string // for a part, which of the kernels' it is: "1", "2", ...; then the file systems take turns otherwise
}

// column is the job's in passes.txt, and where its guests leave what they found.
func (j job) column() string {
	if j.part != "" {
		return j.name + "-part"
	}
	return j.name
}

// columns are all that passes.txt may have, in its order.
func columns() (names []string) {
	for _, k := range kernels {
		names = append(names, k.name)
		if k.ci == "part" {
			names = append(names, k.name+"-part")
		}
	}
	return names
}

// jobs are those of `make test` for no names, or for all everything on all kernels. A kernel that is
// named runs all tests. Those that take longest come first.
func jobs(names []string, all bool) (list []job, err error) {
	for _, name := range names {
		if !slices.Contains(kernelNames(), name) {
			return nil, fmt.Errorf("there is no kernel %s, but these: %s", name, strings.Join(kernelNames(), " "))
		}
	}
	parts := 0
	for _, k := range kernels {
		j := job{kernel: k}
		if k.ci == "part" {
			parts++
			if len(names) == 0 && !all {
				j.part = fmt.Sprint(parts)
			}
		}
		if len(names) == 0 || slices.Contains(names, k.name) {
			list = append(list, j)
		}
	}
	slices.SortStableFunc(list, func(a, b job) int { return cmp.Compare(min(1, len(a.part)), min(1, len(b.part))) })
	return list, nil
}
