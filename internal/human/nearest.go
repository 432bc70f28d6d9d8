package human

import "strings"

// Nearest is the candidate with the fewest edits from s, capitals or not; the first of several.
func Nearest(s string, candidates []string) string {
	best, least := "", len(s)+1<<16
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(s), strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// DidYouMean asks back with the candidate that s is the start of, or that a
// typing error could have turned into s: "did you mean sendfile? ". It is empty
// if there is none: see near.
func DidYouMean(s string, candidates []string) string {
	s = strings.ToLower(s)
	best := Nearest(s, candidates)
	for _, candidate := range candidates {
		if len(s) > 1 && strings.HasPrefix(strings.ToLower(candidate), s) {
			return "did you mean " + candidate + "? "
		}
	}
	if !near(s, strings.ToLower(best)) {
		return ""
	}
	return "did you mean " + best + "? "
}

// near is true if s may be the candidate, mistyped: one byte of three is wrong at most, or
// one of a short name.
func near(s, candidate string) bool { return distance(s, candidate) <= max(1, len(s)/3) && s != "" }

// distance counts the bytes to insert, delete or replace, and the neighbours to swap (optimal
// string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(replace, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
