//go:build linux

package tracer

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// rename renames a member of a structure, also within anonymous ones.
func rename(members []btf.Member, from, to string) {
	for i := range members {
		switch inner := members[i].Type.(type) {
		case *btf.Struct:
			rename(inner.Members, from, to)
		case *btf.Union:
			rename(inner.Members, from, to)
		}
		if members[i].Name == from {
			members[i].Name = to
		}
	}
}

// A kernel that renames what a program reads goes without that hook, and says so; the others count. Of
// overlays and the like nothing is certain then, which needs no hook left out.
func TestForeignKernel(t *testing.T) {
	needTracing(t)
	for _, test := range []struct{ structure, member, foreign string }{
		{"page", "mapping", bpf.ObjectProgBlockBioQueue},
		{"ovl_inode", "__upperdentry", ""},
		{"ovl_file", "realfile", ""},
		{"backing_aio", "orig_iocb", ""},
		{"io_notif_data", "uarg", ""},
	} {
		t.Run(test.structure+"."+test.member, func(t *testing.T) {
			kernel, err := btf.LoadKernelSpec()
			if err != nil {
				t.Fatal(err)
			}
			kernel = kernel.Copy()
			var structure *btf.Struct
			if err := kernel.TypeByName(test.structure, &structure); err != nil {
				t.Skip("this kernel has no such structure, or a module has it")
			}
			rename(structure.Members, test.member, "called_otherwise")
			tr, err := open(Hooks, Options{Marker: testMarker, Uring: true, AIO: true}, []ledger.Engine{ledger.Derived}, kernel)
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			for _, h := range tr.hooks {
				if foreign := h.Program == test.foreign; errors.Is(h.err, errForeign) != foreign {
					t.Errorf("%s: %v", h.name(), h.err)
				}
				if h.Program != test.foreign {
					continue
				}
				if why := tr.missing()[h.Feeds]; !strings.Contains(why, errForeign.Error()) {
					t.Errorf("its numbers are missing because %q", why)
				}
				if err := tryHook(h.Hook, kernel); !errors.Is(err, errForeign) {
					t.Errorf("doctor says %v", err)
				}
			}
		})
	}
}
