//go:build linux

package launch

import "os"

// job is what the process has to know.
func (s Spec) job() *job {
	return &job{Argv: s.Argv, Env: os.Environ(), User: s.User}
}
