package term

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
	rgb := linear(t, hex)
	return 0.2126*rgb[0] + 0.7152*rgb[1] + 0.0722*rgb[2]
}

// linear takes the gamma of sRGB away.
func linear(t *testing.T, hex string) (rgb [3]float64) {
	t.Helper()
	var bytes [3]int
	if _, err := fmt.Sscanf(hex, "#%02X%02X%02X", &bytes[0], &bytes[1], &bytes[2]); err != nil {
		t.Fatal(err)
	}
	for i, b := range bytes {
		v := float64(b) / 255
		if rgb[i] = v / 12.92; v > 0.03928 {
			rgb[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return rgb
}

// The arrows' colours differ for those, too, who see only two primaries. The
// matrices are those of Machado, Oliveira and Fernandes (2009) for a severity of
// 1, on linear RGB; 20 in CIE 1976 L*a*b* is several times what can just be told.
func TestPaletteForColourBlind(t *testing.T) {
	kinds := map[string][3][3]float64{
		"usual":        {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
		"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
		"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
	}
	arrows := []hue{vermillion, blue, green}
	const least = 20
	for kind, m := range kinds {
		for i, a := range arrows {
			for _, b := range arrows[:i] {
				for _, pair := range [][2]string{{a.dark, b.dark}, {a.light, b.light}} {
					if got := distance(lab(t, pair[0], m), lab(t, pair[1], m)); got < least {
						t.Errorf("%s: %s and %s are %.0f apart, want %d", kind, pair[0], pair[1], got, least)
					}
				}
			}
		}
	}
}

// lab is a colour as somebody sees it, in CIE 1976 L*a*b* for D65.
func lab(t *testing.T, hex string, seen [3][3]float64) [3]float64 {
	toXYZ := [3][3]float64{{0.4124, 0.3576, 0.1805}, {0.2126, 0.7152, 0.0722}, {0.0193, 0.1192, 0.9505}}
	xyz := multiply(toXYZ, multiply(seen, linear(t, hex)))
	for i, white := range []float64{0.9505, 1, 1.089} {
		v := max(xyz[i], 0) / white
		if xyz[i] = math.Cbrt(v); v <= 216.0/24389 {
			xyz[i] = (24389.0/27*v + 16) / 116
		}
	}
	return [3]float64{116*xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])}
}

func multiply(m [3][3]float64, v [3]float64) (product [3]float64) {
	for i, row := range m {
		for j := range row {
			product[i] += row[j] * v[j]
		}
	}
	return product
}

func distance(a, b [3]float64) float64 {
	return math.Hypot(math.Hypot(a[0]-b[0], a[1]-b[1]), a[2]-b[2])
}
