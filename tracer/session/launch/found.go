//go:build linux

package launch

import (
	"debug/elf"
	"reflect"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// signals are what a process inherits of them.
type signals struct {
	Ignored, Blocked uint64 // bit s-1 for signal s
}

const lastSignal = 64

func bit(s syscall.Signal) uint64 { return 1 << (s - 1) }

func (s signals) ignores(one syscall.Signal) bool { return s.Ignored&bit(one) != 0 }

// restore gives them to the process, and its mask to the thread. Go's runtime does not survive
// its own signals after that.
func (s signals) restore() {
	for n := syscall.Signal(1); n <= lastSignal; n++ {
		to := sigaction{} // the default
		if s.ignores(n) {
			to[0] = sigIgn
		}
		action(n, &to)
	}
	mask(unix.SIG_SETMASK, s.Blocked)
}

// sigIgn is SIG_IGN.
const sigIgn = 1

// inherited is what this process found when it was started, as far as that can be known.
//
// Go's runtime has installed its handlers before any code of ours runs. What it does not touch
// (SIGTSTP and its like) can be asked for, and what it found instead of the rest it keeps in
// variables of its own, which are read where the binary has a symbol table. Without one, of
// those that are ignored SIGHUP and SIGINT are known, which the runtime leaves so.
func inherited() (s signals) {
	for n := syscall.Signal(1); n <= lastSignal; n++ {
		if now := action(n, nil); now[0] == sigIgn && n != unix.SIGPIPE { // which zctrace ignores itself
			s.Ignored |= bit(n)
		}
	}
	s.Blocked = mask(unix.SIG_BLOCK, 0)
	handlers, blocked := (*[lastSignal + 1]uintptr)(nil), (*uint64)(nil)
	variables(map[string]variable{
		"runtime.fwdSig":      {unsafe.Pointer(&handlers), unsafe.Sizeof(*handlers)},
		"runtime.initSigmask": {unsafe.Pointer(&blocked), unsafe.Sizeof(*blocked)},
	})
	for n := syscall.Signal(1); handlers != nil && n <= lastSignal; n++ {
		if handlers[n] == sigIgn {
			s.Ignored |= bit(n)
		}
	}
	if blocked != nil {
		s.Blocked = *blocked
	}
	return s
}

// variable is a pointer to be set to a variable that has this size.
type variable struct {
	pointer unsafe.Pointer
	size    uintptr
}

// variables finds them by their symbols. Of a binary that has none, it finds none.
func variables(wanted map[string]variable) {
	binary, err := elf.Open("/proc/self/exe")
	if err != nil {
		return
	}
	defer binary.Close()
	symbols, _ := binary.Symbols()
	here := reflect.ValueOf(variables).Pointer()
	name := runtime.FuncForPC(here).Name()
	var moved uintptr // from where it was linked to, to where it is
	for _, symbol := range symbols {
		if symbol.Name == name {
			moved = here - uintptr(symbol.Value)
		}
	}
	for _, symbol := range symbols {
		if v, is := wanted[symbol.Name]; is && symbol.Size == uint64(v.size) {
			*(*uintptr)(v.pointer) = uintptr(symbol.Value) + moved
		}
	}
}
