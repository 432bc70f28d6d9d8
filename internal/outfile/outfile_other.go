//go:build !unix

package outfile

import (
	"errors"
	"io/fs"
	"os"
)

// Elsewhere files can be written, but there are no descriptors
// with names and no fifos to care for.

func ownDescriptor(string) (int, bool) { return 0, false }

func duplicate(int, string) (*os.File, error) { return nil, errors.ErrUnsupported }

func accessible(string) error { return nil }

func replaceable(*os.Root, string) error { return nil }

func isOwn(fs.FileInfo) bool { return true }

func tooLarge() string { return "name a file elsewhere" }
