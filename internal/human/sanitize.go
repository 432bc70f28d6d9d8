package human

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sanitize makes a string from outside (a path, a name, a reason) safe to draw:
// it stays on its line, it cannot talk to the terminal, and its width is what
// it looks like. Controls, escape sequences' ESC, bidirectional overrides and
// everything else without a glyph of its own are dropped; line breaks and tabs
// become spaces. The rest of an escape sequence stays visible on purpose, so
// that nothing can hide behind an unfinished one.
func Sanitize(s string) string {
	if IsPrintableASCII(s) {
		return s
	}
	var b strings.Builder
	marks := 0
	for _, r := range s {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			r = ' '
		case r == utf8.RuneError: // also what invalid UTF-8 decodes to
			r = '?'
		case !unicode.IsPrint(r) && r != ' ', resizes(r):
			continue
		}
		if unicode.Is(unicode.Mn, r) {
			// An accent or two are a letter; forty are an attack on the lines above.
			if marks++; marks > 2 || b.Len() == 0 {
				continue
			}
		} else {
			marks = 0
		}
		b.WriteRune(r)
	}
	return b.String()
}

// resizes tells of runes that make the one before them wider or narrower in
// some terminals and not in others, so that no width could be trusted:
// variation selectors, skin tones, enclosing marks.
func resizes(r rune) bool {
	return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF ||
		r >= 0x1F3FB && r <= 0x1F3FF || unicode.Is(unicode.Me, r)
}

// IsPrintableASCII reports whether a string is safe to draw as it is.
func IsPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
