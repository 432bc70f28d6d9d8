//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Pieces are so short that many fit between what else happens on the machine, and of no fixed
// length, in order not to beat with that.
const minPiece, maxPiece = 6 * time.Millisecond, 15 * time.Millisecond

// turn is one contender's part in a round of a work.
type turn struct {
	contender
	row    int
	holder *peer // nil: nothing is attached
	cookie uint64
	calls  [2]int64 // to be counted: made with that cookie, or in the followed program
}

// follows is whether it follows the program that works.
func (t *turn) follows() bool { return t.holder != nil && t.hold.Follows && !t.hold.Other }

// round has each contender trace the work for b.slice: those that are attached in many pieces, in random
// order, and tools in one piece each. It adds nanoseconds per round of the work to took, by row.
func (b *bench) round(w work, took [][]float64) (err error) {
	defer func() { err = errors.Join(err, b.hangUp()) }()
	program, err := b.program(w, nil)
	if err != nil {
		return err
	}
	var turns []*turn
	for i, row := range b.rows {
		if row.unable != "" || row.tool != nil || row.hold != nil && row.hold.Follows && w.sockets {
			continue
		}
		t, err := b.join(i, w)
		if err != nil {
			return err
		}
		turns = append(turns, t)
	}
	if err := b.follow(program, turns); err != nil {
		return err
	}
	for _, t := range b.shuffled(turns) {
		d, err := t.work(program, minPiece+rand.N(maxPiece-minPiece))
		if err != nil {
			return err
		}
		took[t.row] = append(took[t.row], perRound(d)...)
	}
	for i, row := range b.rows {
		if row.unable != "" || row.tool == nil {
			continue
		}
		d, err := b.underTool(w, row)
		if err != nil {
			return err
		}
		took[i] = append(took[i], perRound(d)...)
	}
	return nil
}

// follow has those who follow programs find this one: all are attached while it executes itself once more. From then on
// each of them counts it whenever it is attached.
func (b *bench) follow(program *peer, turns []*turn) error {
	var following []*turn
	for _, t := range turns {
		if !t.follows() {
			continue
		}
		following = append(following, t)
		if err := t.holder.ask(command{Attach: true, Follow: program.cmd.Process.Pid}, &counted{}); err != nil {
			return err
		}
	}
	if len(following) == 0 {
		return nil
	}
	if err := b.again(program); err != nil {
		return err
	}
	for _, t := range following {
		var c counted
		if err := t.holder.ask(command{}, &c); err != nil {
			return err
		}
		t.calls = c.Calls
	}
	return nil
}

// shuffled are the turns of a round, each as often as its pieces fill b.slice.
func (b *bench) shuffled(turns []*turn) (order []*turn) {
	for _, t := range turns {
		order = append(order, slices.Repeat([]*turn{t}, max(1, int(2*b.slice/(minPiece+maxPiece))))...)
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

func perRound(d done) (ns []float64) {
	for _, n := range d.BatchNS {
		ns = append(ns, float64(n)/batch)
	}
	return ns
}

// program starts the work in a process of its own, by way of the command that tool makes
// of it, if there is one.
func (b *bench) program(w work, tool func([]string) []string) (*peer, error) {
	command := []string{b.self, "work", strconv.Itoa(w.index()), strconv.Itoa(b.cpu), b.socket()}
	if tool != nil {
		command = tool(command)
	}
	return b.start(command...)
}

func (b *bench) underTool(w work, row contender) (d done, err error) {
	program, err := b.program(w, row.tool)
	if err != nil {
		return d, err
	}
	err = program.ask(piece{NS: b.slice.Nanoseconds()}, &d)
	return d, errors.Join(err, program.end())
}

// join starts what holds the contender's programs.
func (b *bench) join(row int, w work) (*turn, error) {
	t := &turn{contender: b.rows[row], row: row}
	if t.hold == nil {
		return t, nil
	}
	if !t.hold.Follows {
		t.cookie = cookie + uint64(row)
	}
	h := *t.hold
	h.Sockets, h.Cookie = w.sockets, t.cookie
	if h.Other {
		h.Cookie = anotherCookie
	}
	var err error
	if t.holder, err = b.start(t.build, "hold", b.socket()); err != nil {
		return nil, err
	}
	return t, t.holder.ask(command{Hold: &h}, &counted{})
}

// work has the program work for a piece while the contender's programs are attached.
func (t *turn) work(program *peer, length time.Duration) (d done, err error) {
	if t.holder == nil {
		return d, program.ask(piece{NS: length.Nanoseconds()}, &d)
	}
	var c counted
	if err := t.holder.ask(command{Attach: true}, &c); err != nil {
		return d, err
	}
	if err := program.ask(piece{Cookie: t.cookie, NS: length.Nanoseconds()}, &d); err != nil {
		return d, err
	}
	if err := t.holder.ask(command{}, &c); err != nil {
		return d, err
	}
	for role, n := range d.Calls {
		if t.hold.Follows { // which does not tell its threads from each other
			role = 0
		}
		t.calls[role] += n
	}
	return d, t.check(c)
}

// check wants that zctrace has counted each call.
func (t *turn) check(c counted) error {
	want := t.calls
	if t.hold.Empty || t.hold.Other {
		want = [2]int64{}
	}
	if c.Calls != want {
		return fmt.Errorf("%s: %v calls of the two threads were counted, and %v made", t.name, c.Calls, want)
	}
	return nil
}
