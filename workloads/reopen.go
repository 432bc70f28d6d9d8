//go:build linux

package workloads

import "fmt"

// Reopen gives a source of its own for another run on the same file, which for
// auto has no name to open it by again. It shares neither position nor read-ahead
// state, only the page cache, and has the same size: a file that grows meanwhile is the
// same work for every run.
func (s *Source) Reopen(user *User) (*Source, error) {
	var again *Source
	err := AsUser(user, func() (err error) {
		again, err = openSource(s.Kind, s.Path, fmt.Sprintf("/proc/self/fd/%d", s.file.Fd()))
		return err
	})
	if err != nil {
		return nil, err
	}
	again.Bytes = s.Bytes
	return again, nil
}
