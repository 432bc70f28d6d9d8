package reading

import (
	"cmp"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Where a file's data is kept is told in words, and is why no disk moved it.
func TestLayers(t *testing.T) {
	const n = 1 << 20
	disk := []trace.Layer{{Kind: "disk", Name: "vda"}}
	daemon := []trace.Layer{{Kind: "daemon"}}
	loop := []trace.Layer{{Kind: "disk", Name: "loop0"}, {Kind: "file", Name: "/a"}, {Kind: "filesystem", Name: "xfs"}, {Kind: "disk", Name: "vda"}}
	over := func(name string, below ...trace.Layer) []trace.Layer {
		return append([]trace.Layer{{Kind: "filesystem", Name: name}}, below...)
	}
	direct := []trace.Hop{{From: "source", To: "buffer", By: "dma"}, {From: "buffer", To: "sink", By: "copy"}}
	for _, test := range []struct {
		filesystem string
		below      []trace.Layer
		cache      string
		path       []trace.Hop
		read       int64 // from a disk
		hit        int64 // in the page cache
		agreement  Agreement
		cause      string
		store      string
	}{
		{"ext4", disk, "warm", nil, 0, 0, Explained, "page cache warm", "ext4 on vda"},
		{"ext4", disk, "cold", nil, n, 0, Same, "", "ext4 on vda"},
		{"ext4", disk, "cold", nil, 0, 0, Differs, "", "ext4 on vda"},
		{"ext4", nil, "warm", direct, 0, 0, Differs, "", "ext4"}, // of an older trace
		{"ext4", loop, "cold", nil, n, 0, Same, "loop0 is a file: not by DMA", "ext4 on loop0, a file on xfs on vda"},
		{"overlay", over("ext4", disk...), "warm", nil, 0, 0, Explained, "page cache warm", "overlay on ext4 on vda"},
		{"overlay", over("tmpfs", trace.Layer{Kind: "memory"}), "warm", nil, 0, 0, Explained, "overlay on tmpfs has no disk", "overlay on tmpfs"},
		{"overlay", []trace.Layer{{Kind: "unknown"}}, "cold", nil, 0, 0, Explained, "what is below the file system is not known", "overlay, kept where is not known"},
		{"tmpfs", nil, "warm", nil, 0, 0, Explained, "tmpfs has no disk", "tmpfs"},
		{"fuse", daemon, "warm", nil, 0, n, Explained, "page cache warm", "fuse, kept by a daemon"},
		{"fuse", daemon, "warm", nil, 0, 0, Explained, "from the file system's daemon", "fuse, kept by a daemon"},
		{"fuse", daemon, "cold", nil, 0, 0, Explained, "from the file system's daemon", "fuse, kept by a daemon"},
		{"fuse", daemon, "warm", direct, 0, 0, Explained, "from the file system's daemon", "fuse, kept by a daemon"},
		{"virtiofs", []trace.Layer{{Kind: "host"}}, "cold", nil, 0, 0, Explained, "from the host", "virtiofs, kept by the host"},
		{"nfs", []trace.Layer{{Kind: "server"}}, "cold", nil, 0, 0, Explained, "from the file server", "nfs, kept by a server"},
		{"new", []trace.Layer{{Kind: "cloud"}}, "cold", nil, 0, 0, Explained, "what is below the file system is not known", "new"},
	} {
		tr := traceOf(n, n, trace.TextbookCopies{})
		tr.Textbook.DMA.In = 1
		tr.Run.Source = trace.Source{Kind: "file", Filesystem: test.filesystem, Below: test.below}
		tr.Run.Cache, tr.Run.Path = test.cache, test.path
		tr.Total.Sender.Disk.ReadBytes, tr.Total.Sender.PageCache.HitBytes = trace.Known(test.read), trace.Known(test.hit)
		row := End(tr).Verdict().Row(DMAIn)
		if row.Agreement != test.agreement || row.Cause.String() != test.cause {
			t.Errorf("%s, %s, %v: agreement %d, %q; want %d, %q", test.filesystem, test.cache, test.below, row.Agreement, row.Cause, test.agreement, test.cause)
		}
		want := map[string]string{"daemon": "daemon", "host": "host", "server": "server", "memory": "page cache", "unknown": "storage"}[keeper(test.below)]
		if test.filesystem == "tmpfs" {
			want = "page cache"
		}
		place := End(tr).DataPath().Places[0]
		if place.Names[0] != cmp.Or(want, "disk") || place.Detail != working(test.filesystem, test.below) {
			t.Errorf("%s on %v begins at %+v", test.filesystem, test.below, place)
		}
		if s := Store(test.filesystem, test.below); s != test.store {
			t.Errorf("%s on %v: %q", test.filesystem, test.below, s)
		}
	}
}

// Of a file sink, "none" is said only where nothing can carry it away.
func TestSinkLayers(t *testing.T) {
	const n = 1 << 20
	for _, test := range []struct {
		device    trace.Device
		below     []trace.Layer
		measured  string
		agreement Agreement
		cause     string
	}{
		{trace.Device{Kind: "disk", Name: "vda"}, []trace.Layer{{Kind: "disk", Name: "vda"}}, "1.00", Same, ""},
		{trace.Device{Kind: "disk", Name: "loop0"}, []trace.Layer{{Kind: "disk", Name: "loop0"}, {Kind: "file"}, {Kind: "disk"}}, "1.00", Same, "loop0 is a file: not by DMA"},
		{trace.Device{Kind: "memory"}, []trace.Layer{{Kind: "memory"}}, "none", Explained, "memory"},
		{trace.Device{Kind: "unknown"}, []trace.Layer{{Kind: "unknown"}}, "n/a", Unmeasured, "what is below the file system is not known"},
		{trace.Device{Kind: "virtual"}, []trace.Layer{{Kind: "daemon"}}, "n/a", Unmeasured, "the file system's daemon has them"},
		{trace.Device{Kind: "virtual"}, nil, "n/a", Unmeasured, "what is below the file system is not known"}, // of an older trace
	} {
		tr := traceOf(n, n, trace.TextbookCopies{})
		tr.Textbook.DMA.Out = 1
		tr.Run.Sink = trace.Sink{Kind: "file", Device: test.device, Below: test.below}
		tr.Total.Sender.Disk.WriteBytes = trace.Known(n)
		v := End(tr).Verdict()
		row := v.Row(DMAOut)
		if row.MeasuredText() != test.measured || row.Agreement != test.agreement || row.Cause.String() != test.cause {
			t.Errorf("%v on %v: %s, agreement %d, %q", test.device, test.below, row.MeasuredText(), row.Agreement, row.Cause)
		}
	}
}
