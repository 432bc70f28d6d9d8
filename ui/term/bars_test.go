package term

import (
	"math"
	"strings"
	"testing"
)

func TestBar(t *testing.T) {
	for _, c := range []struct {
		fraction float64
		width    int
		want     string
	}{
		{0, 4, ""}, {1, 4, "████"}, {0.5, 4, "██"}, {2, 4, "████"}, {0.0001, 4, "▏"}, {0.53125, 4, "██▏"}, {math.NaN(), 4, ""}, {1, 0, ""},
	} {
		if got := Bar(c.fraction, c.width, UnicodeGlyphs.CopyBar); got != c.want {
			t.Errorf("bar(%v, %d) = %q, want %q", c.fraction, c.width, got, c.want)
		}
	}
}

func TestChart(t *testing.T) {
	got := strings.Join((&Look{Glyphs: UnicodeGlyphs}).Chart([]float64{0, 1, 2, 4, -1}, 2), "\n")
	if want := "   █ \n▁▄██ "; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
