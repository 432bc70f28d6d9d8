//go:build linux

package tracer

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// errForeign: later kernels may rename what a program reads without looking whether it is there.
var errForeign = errors.New("the data structures of this kernel lack something that the program reads")

// isForeign is whether a program was refused for that: its instruction is replaced by one that no kernel takes.
func isForeign(err error) bool {
	v, ok := errors.AsType[*ebpf.VerifierError](err)
	return ok && slices.ContainsFunc(v.Log, func(line string) bool {
		return strings.Contains(line, strconv.Itoa(btf.COREBadRelocationSentinel)) ||
			strings.Contains(line, strconv.FormatInt(btf.COREBadRelocationSentinel, 16))
	})
}

// load loads all programs in one go. If one of them does not fit the kernel, its hook is left out, as one is
// whose target the kernel lacks.
func (t *Tracer) load(spec *ebpf.CollectionSpec, kernel *btf.Spec) (err error) {
	options := ebpf.CollectionOptions{
		Programs: ebpf.ProgramOptions{KernelTypes: kernel, ExtraRelocationTargets: layerTypes()}, Cache: kernelTypes,
	}
	if t.collection, err = ebpf.NewCollectionWithOptions(spec, options); !isForeign(err) {
		return err
	}
	for i := range t.hooks {
		h := &t.hooks[i]
		if h.err != nil || h.required() {
			continue
		}
		alone := spec.Copy()
		alone.Programs = map[string]*ebpf.ProgramSpec{h.program: spec.Programs[h.program]}
		c, err := ebpf.NewCollectionWithOptions(alone, options)
		switch {
		case err == nil:
			c.Close()
		case isForeign(err):
			h.err = errForeign
			delete(spec.Programs, h.program)
		}
	}
	t.collection, err = ebpf.NewCollectionWithOptions(spec, options)
	return err
}
