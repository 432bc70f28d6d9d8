//go:build linux

package workloads

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// States of a worker, in shared.state.
const (
	stateStarting uint32 = iota
	stateReady           // set up, waits for Go
	stateDone            // window closed, the results are in shared memory
)

// shared is the memory that a worker shares with the process that started it.
// The worker writes all but stop and cookie. Fields are read and written atomically while
// the worker runs, and plainly once it is gone.
type shared struct {
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
	errno     uint32 // of the failure; 0: the source ended before its end
	failedOp  uint32 // 1 + the operation of io_uring that ended the loop; 0: it was failedNr
	failedNr  int64  // number of the system call that ended the loop
	failed    uint32 // 1: something ended the loop before its end
	beginNs   int64  // CLOCK_MONOTONIC just before the opening marker
	endNs     int64  // CLOCK_MONOTONIC just after the closing marker
	badByte   uint32 // 1: verification failed at badOffset
	expected  uint32
	got       uint32
	unseen    uint32 // the marker that nobody saw in time, which ended the loop; 0: none
	badOffset int64  // in payload bytes

	calls [callNumbers]uint64 // system calls that the loop made, by number
}

// callNumbers is more than the number of any system call of a loop; a power of two, so that an index
// into them needs no check.
const callNumbers = 512

const sharedBytes = int(unsafe.Sizeof(shared{}))

// newShared makes it in a memfd, for the worker to inherit.
func newShared() (*shared, *os.File, error) {
	fd, err := unix.MemfdCreate("zctrace-control", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, fmt.Errorf("create the shared memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "shared memory")
	if err := unix.Ftruncate(fd, int64(sharedBytes)); err != nil {
		f.Close()
		err = fmt.Errorf("make shared memory of %d bytes: %w", sharedBytes, err)
		if errors.Is(err, unix.EFBIG) {
			err = &fault.Error{Kind: fault.Failed, What: err.Error(), Remedy: "raise ulimit -f: " + strconv.Itoa(sharedBytes) + " bytes are the least"}
		}
		return nil, nil, err
	}
	// The worker may run as another user, and a page that it could shrink would
	// kill this process with a SIGBUS.
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("seal the shared memory: %w", err)
	}
	p, err := mapShared(fd)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return p, f, nil
}

func mapShared(fd int) (*shared, error) {
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(sharedBytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map the shared memory: %w", err)
	}
	return (*shared)(p), nil
}

func (s *shared) unmap() { _ = unix.MunmapPtr(unsafe.Pointer(s), uintptr(sharedBytes)) }
