package human

import "testing"

func TestDidYouMean(t *testing.T) {
	names := []string{"read-write", "mmap-write", "sendfile", "tee", "aio"}
	for s, want := range map[string]string{
		"sendfle":   "did you mean sendfile? ",
		"readwrite": "did you mean read-write? ",
		"sendfile2": "did you mean sendfile? ",
		"mmap":      "did you mean mmap-write? ",
		"SENDFILE":  "did you mean sendfile? ",
		"x":         "",
		"":          "",
		"quicksort": "",
		"foo":       "",
		"sendifle":  "did you mean sendfile? ",
		"tea":       "did you mean tee? ",
		"cat":       "",
	} {
		if got := DidYouMean(s, names); got != want {
			t.Errorf("DidYouMean(%q) = %q, want %q", s, got, want)
		}
	}
}
