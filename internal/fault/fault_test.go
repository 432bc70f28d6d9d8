package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestErrorf(t *testing.T) {
	err := Errorf(Usage, "take another", "open %s: %w", "x", fs.ErrNotExist)
	if got := err.Error(); got != "open x: file does not exist\ntake another" {
		t.Errorf("with a remedy it reads %q", got)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	if got := Errorf(Failed, "", "no luck").Error(); got != "no luck" {
		t.Errorf("without a remedy it reads %q", got)
	}
}

func TestKindOf(t *testing.T) {
	refused := Errorf(Unsupported, "", "not here")
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{nil, Failed},
		{errors.New("nobody's"), Failed},
		{refused, Unsupported},
		{fmt.Errorf("run: %w", refused), Unsupported},
		{errors.Join(errors.New("also"), refused), Unsupported},
		{Errorf(Usage, "", "asked for it: %w", refused), Usage},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("the kind of %q is %d, want %d", c.err, got, c.want)
		}
	}
}
