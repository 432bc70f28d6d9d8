//go:build linux

package workloads

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// States of a worker, in page.state.
const (
	stateStarting uint32 = iota
	stateReady           // set up, waits for Go
	stateDone            // window closed, the results are in the page
)

// page is the memory that a worker shares with the process that started it.
// The worker writes all but stop and cookie. Fields are read and written atomically while
// the worker runs, and plainly once it is gone.
type page struct {
	stop   uint32 // written by the parent: end at the next chunk
	_      uint32
	cookie uint64 // written by the parent before the worker starts; see Config
	_      [48]byte

	// Written at every transfer, so on a cache line that stop is not on.
	payload   int64 // bytes delivered to the sink, or received
	userSpace int64 // bytes that the loop copied itself

	completions, copied int64 // zero-copy sends that were confirmed; of these, copied after all

	_ [32]byte

	state     uint32
	badKind   uint32 // 1 + the fault.Kind of the error on stderr that ended the set-up
	errno     uint32 // of failedNr; 0: the source ended before its end
	failedNr  int64  // number of the system call that ended the loop
	failed    uint32 // 1: failedNr and errno are set
	beginNs   int64  // CLOCK_MONOTONIC just before the opening marker
	endNs     int64  // CLOCK_MONOTONIC just after the closing marker
	badByte   uint32 // 1: verification failed at badOffset
	expected  uint32
	got       uint32
	_         uint32
	badOffset int64 // in payload bytes
}

const pageBytes = int(unsafe.Sizeof(page{}))

// newPage makes a page in a memfd, for the worker to inherit.
func newPage() (*page, *os.File, error) {
	fd, err := unix.MemfdCreate("zctrace-control", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, fmt.Errorf("create the control page: %w", err)
	}
	f := os.NewFile(uintptr(fd), "control page")
	if err := unix.Ftruncate(fd, int64(pageBytes)); err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("size the control page: %w", err)
	}
	// The worker may run as another user, and a page that it could shrink would
	// kill this process with a SIGBUS.
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("seal the control page: %w", err)
	}
	p, err := mapPage(fd)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return p, f, nil
}

func mapPage(fd int) (*page, error) {
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(pageBytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map the control page: %w", err)
	}
	return (*page)(p), nil
}

func (p *page) unmap() { _ = unix.MunmapPtr(unsafe.Pointer(p), uintptr(pageBytes)) }
