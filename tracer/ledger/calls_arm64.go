//go:build linux

package ledger

// archCalls are those that only this architecture has.
var archCalls []call
