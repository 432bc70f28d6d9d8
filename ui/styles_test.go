package ui

import (
	"fmt"
	"math"
	"testing"
)

// TestPaletteCanBeRead computes WCAG contrast. A colour must be easy to read on
// its own background (4.5), and possible to read (3) on the other one, because
// the background is often unknown and then taken for dark.
func TestPaletteCanBeRead(t *testing.T) {
	const black, white = "#1E1E1E", "#FFFFFF"
	for name, h := range map[string]hue{"vermillion": vermillion, "blue": blue, "green": green, "orange": orange, "purple": purple, "grey": grey} {
		for _, c := range []struct {
			text, on string
			least    float64
		}{{h.dark, black, 4.5}, {h.dark, white, 3}, {h.light, white, 4.5}} {
			if got := contrast(t, c.text, c.on); got < c.least {
				t.Errorf("%s %s on %s: contrast %.2f, want %.1f", name, c.text, c.on, got, c.least)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var rgb [3]int
	if _, err := fmt.Sscanf(hex, "#%02X%02X%02X", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := float64(rgb[i]) / 255
		if v <= 0.03928 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}
