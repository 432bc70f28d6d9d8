package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed kernels.txt
var kernelsText []byte

// kernel is one that guests boot, a line of kernels.txt, which says what its fields mean.
type kernel struct{ name, suite, version, arch, engines, parameters string }

// kernels are all that there are, in the list's order.
var kernels = readKernels(kernelsText)

func readKernels(text []byte) (all []kernel) {
	for line := range bytes.Lines(text) {
		if f := strings.Fields(string(line)); len(f) >= 6 && f[0][0] != '#' {
			all = append(all, kernel{f[0], f[1], f[2], f[3], f[4], strings.Join(f[5:], " ")})
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

// named are the kernels of those names, or all for none.
func named(names []string) (chosen []kernel, err error) {
	if len(names) == 0 {
		return kernels, nil
	}
	for _, name := range names {
		i := slices.Index(kernelNames(), name)
		if i < 0 {
			return nil, fmt.Errorf("there is no kernel %s, but these: %s", name, strings.Join(kernelNames(), " "))
		}
		chosen = append(chosen, kernels[i])
	}
	return chosen, nil
}
