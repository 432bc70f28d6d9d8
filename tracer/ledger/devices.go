//go:build linux

package ledger

import "github.com/zctrace/zctrace/tracer/trace"

// diskRead are bytes that the thread, and others for it, read from a disk.
func (a *account) diskRead() uint64 { return a.slot.DiskReadBytes + a.slot.Helpers.DiskReadBytes }

// cacheAdded are bytes that they added to the page cache.
func (a *account) cacheAdded() uint64 {
	return a.slot.Cache.AddedBytes + a.slot.Helpers.Cache.AddedBytes
}

func (a *account) disk() {
	if a.lacks(Disk) {
		return
	}
	s, h := a.slot, &a.slot.Helpers
	a.Disk.ReadBytes, a.Disk.ReadRequests = count(a.diskRead()), count(s.DiskReadBios+h.DiskReadBios)
	if !a.lacks(DiskWrites) {
		a.Disk.WriteBytes, a.Disk.WriteRequests = count(s.DiskWriteBytes+h.DiskWriteBytes), count(s.DiskWriteBios+h.DiskWriteBios)
	}
}

// nic is what devices moved by DMA for the party's socket.
func (a *account) nic() {
	s, p := a.slot, a.party
	if p.NoNIC != "" {
		setNoNIC(&a.Counters, p.NoNIC)
		return
	}
	switch {
	case p.UnknownTx != "":
		say(&a.Counters, trace.Unavailable, p.UnknownTx, trace.NICTxBytes, trace.NICTxPackets)
	case !a.lacks(NICSent): // what a device refused was counted when it was handed over, and will be again
		a.NIC.TxBytes, a.NIC.TxPackets = count(s.Sent.Bytes-s.Refused.Bytes), count(s.Sent.Packets-s.Refused.Packets)
	}
	switch {
	case p.UnknownRx != "":
		say(&a.Counters, trace.Unavailable, p.UnknownRx, trace.NICRxBytes, trace.NICRxPackets)
	case !a.lacks(NICReceived):
		a.NIC.RxBytes, a.NIC.RxPackets = count(s.Received.Bytes), count(s.Received.Packets)
	}
}

// setNoNIC says of a party that no byte can have passed a NIC for it, and why.
func setNoNIC(c *trace.Counters, reason string) {
	zero := trace.Known(0)
	c.NIC = trace.NIC{TxBytes: zero, TxPackets: zero, RxBytes: zero, RxPackets: zero}
	say(c, trace.Derived, reason, trace.NICTxBytes, trace.NICTxPackets, trace.NICRxBytes, trace.NICRxPackets)
}
