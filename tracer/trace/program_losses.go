package trace

import (
	"maps"
	"slices"
)

// limits are the causes in Program.Losses that coarsen how a total is split, and leave the total itself exact.
var limits = []string{
	"no_slot",           // threads that had no slot of their own, and were counted with their process
	"raced_descriptors", // calls on a number that another thread reopened meanwhile; an upper bound
	"objects_overflow",  // objects for which there was no room
	"flows_overflow",    // flows for which there was no room
	"names_lost",        // objects whose name did not arrive
	"stacks_lost",       // stacks for which there was no room
	"no_forwarding",     // processes of which nobody looked at what they forward
	"errnos_overflow",   // errors for whose errno there was no room
	"kinds_overflow",    // times that there was no room for a kind of calls: of its descriptors nothing is known
}

// IsLimit is whether a cause of loss only coarsens how a total is split. All others make the totals unknown.
func IsLimit(cause string) bool { return slices.Contains(limits, cause) }

// Lost are the causes other than limits for which something was lost, sorted: with any, the totals may not be believed.
func (p *Program) Lost() []string {
	return p.causes(func(cause string) bool { return !IsLimit(cause) })
}

// Limited are the limits that were met, sorted: the totals are exact, and some split of them is coarser.
func (p *Program) Limited() []string { return p.causes(IsLimit) }

func (p *Program) causes(which func(cause string) bool) (causes []string) {
	for _, cause := range slices.Sorted(maps.Keys(p.Losses)) {
		if p.Losses[cause] != 0 && which(cause) {
			causes = append(causes, cause)
		}
	}
	return causes
}
