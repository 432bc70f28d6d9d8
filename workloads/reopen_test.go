//go:build linux

package workloads

import "testing"

func TestReopen(t *testing.T) {
	for _, spec := range []string{tempFile(t, 12345), "auto:64KiB", "zero"} {
		s, err := sourceNamed(t.Context(), spec, nil)
		must(t, err)
		defer s.Close()
		if _, err := s.file.Seek(4096, 0); err != nil {
			t.Fatal(err)
		}
		again, err := s.Reopen(nil)
		must(t, err)
		defer again.Close()
		if again.Kind != s.Kind || again.Path != s.Path || again.Bytes != s.Bytes || again.Inode != s.Inode || again.Filesystem != s.Filesystem {
			t.Errorf("%s reopened is %+v, want %+v", spec, again, s)
		}
		if at, err := again.file.Seek(0, 1); err != nil || at != 0 && s.Kind != SourceZero {
			t.Errorf("%s begins at %d, %v", spec, at, err)
		}
	}
}
