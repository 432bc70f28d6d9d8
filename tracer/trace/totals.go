package trace

import "iter"

// The names of the parties, as in the JSON.
const (
	senderName   = "sender"
	receiverName = "receiver"
	kernelName   = "kernel"
)

// Main is the party that the run is about: the textbook's row and the ranking are
// of its costs. It is the sender.
func (t *Totals) Main() *Counters { return &t.Sender }

// Processes are the counters of each process of the run by its name, that of Main
// first.
func (t *Totals) Processes() iter.Seq2[string, *Counters] {
	return func(yield func(string, *Counters) bool) {
		_ = yield(senderName, &t.Sender) && (t.Receiver == nil || yield(receiverName, t.Receiver))
	}
}

// Parties are the processes and, last, the kernel: what was done on the run's
// behalf and is chargeable to none of them.
func (t *Totals) Parties() iter.Seq2[string, *Counters] {
	return func(yield func(string, *Counters) bool) {
		for name, c := range t.Processes() {
			if !yield(name, c) {
				return
			}
		}
		yield(kernelName, &t.Kernel)
	}
}

// Party are the counters of the party with this name, or nil.
func (t *Totals) Party(name string) *Counters {
	for party, c := range t.Parties() {
		if party == name {
			return c
		}
	}
	return nil
}
