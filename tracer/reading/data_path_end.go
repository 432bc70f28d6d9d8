package reading

import (
	"cmp"

	"github.com/zctrace/zctrace/tracer/trace"
)

// addDevice adds what carries the payload away from the place at, or for direct
// I/O past it.
func (s *surveyor) addDevice(from, at int, direct bool) {
	device := s.run.Sink.Device
	switch device.Kind {
	case "disk":
		disk := s.add(Place{Names: []string{"disk"}, Detail: device.Name})
		written := s.streamOf(s.sender, ByDMA, trace.DiskWriteBytes)
		if later := s.Now.Kernel.Disk.WriteBytes; later.Known() {
			written.Bytes.Int = written.Bytes.Int.Add(later)
			written.Back = written.Back.Add(trace.Known(s.Back.Kernel.Disk.WriteBytes.Or(0)))
		}
		if direct {
			at = from
		}
		idle := Later
		if s.book.Row(DMAOut).Cause.Kind == BlocksShared {
			idle = SameBlocks
		}
		s.join(at, disk, idle, written)
		s.shareBlocks(disk)
	case "nic":
		nic := s.add(Place{Names: []string{"NIC"}, Detail: device.Name})
		s.join(at, nic, "", s.streamOf(s.sender, ByDMA, trace.NICTxBytes))
		s.Shared = nic
	case "", "none", "memory":
	case "virtual", "unknown":
		if s.run.Sink.Kind == "file" {
			end := s.add(Place{Names: []string{keeperNamed(keeper(s.run.Sink.Below)).place}, Detail: s.run.Sink.Filesystem})
			s.join(at, end, "")
			return
		}
		fallthrough
	default: // loopback and what else the kernel imitates
		name := device.Kind
		end := s.add(Place{Names: []string{name, cmp.Or(device.Name, name)}})
		var streams []Stream
		if s.late {
			streams = append(streams, s.stream(ByCopy, trace.InKernel))
		}
		if kernel := s.Kernel(); kernel.Now.Int(trace.InKernel).Or(0) != 0 {
			copied := s.streamOf(kernel, ByCopy, trace.InKernel)
			copied.Surprise, copied.Against = true, Cause{Kind: CopiedByKernel}
			streams = append(streams, copied)
		}
		s.join(at, end, NoDMA, streams...)
		s.Shared = end
	}
}

// shareBlocks lets blocks that a file system shares lead from disk to disk: they
// are in no page cache.
func (s *surveyor) shareBlocks(disk int) {
	for i, h := range s.Hops {
		m := h.Main()
		if m.Way == ByClone && m.Bytes.Int.Or(0) != 0 && s.Places[0].Names[0] == "disk" {
			s.Hops[i].From, s.Hops[i].To = 0, disk
		}
	}
}

// addReceiver adds the other side, if its counters are there.
func (s *surveyor) addReceiver() {
	parties := s.Processes()
	if len(parties) < 2 || s.Shared < 0 {
		s.Shared = -1
		return
	}
	receiver := parties[1]
	at := s.Shared
	if s.run.Sink.Kind == "tcp" {
		at = s.add(Place{Names: []string{"socket buffer", "socket"}, Detail: "tcp"})
		s.join(s.Shared, at, "")
	}
	join := func(names []string, idle Idleness, streams ...Stream) {
		to := s.add(Place{Names: names})
		s.Hops = append(s.Hops, Hop{From: at, To: to, Streams: streams, Payload: receiver.Payload(), Idle: idle})
		at = to
	}
	copied, visible := s.streamOf(receiver, ByCopy, trace.ToUser), s.streamOf(receiver, ByMapping, trace.Mapped)
	taken := s.streamOf(receiver, ByReference, trace.PageRefs)
	switch s.run.Receiver {
	case "splice":
		join([]string{"pipe"}, "", taken, copied)
		join([]string{"file"}, "", s.streamOf(receiver, ByCopy, trace.InKernel))
	case "zerocopy":
		if copied.Bytes.Int.Or(0) > visible.Bytes.Int.Or(0) {
			copied.Surprise, copied.Against = true, Cause{Kind: NotMapped}
		}
		join(aMapping, "", visible, copied)
	case "trunc":
		join([]string{"discarded"}, Discarded, copied)
	default:
		join(aBuffer, "", copied, visible, taken)
	}
}
