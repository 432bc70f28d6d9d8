package human

import "strings"

// Nearest is the candidate with the fewest edits from s, the first of several.
func Nearest(s string, candidates []string) string {
	best, least := "", len(s)+1<<16
	for _, candidate := range candidates {
		if d := Distance(s, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// DidYouMean asks back with the candidate that s is the start of, or that a
// typing error could have turned into s: "did you mean sendfile? ". It is empty
// if half of s would have to be wrong.
func DidYouMean(s string, candidates []string) string {
	s = strings.ToLower(s)
	best := Nearest(s, candidates)
	for _, candidate := range candidates {
		if len(s) > 1 && strings.HasPrefix(candidate, s) {
			return "did you mean " + candidate + "? "
		}
	}
	if Distance(s, best) > (len(s)+1)/2 {
		return ""
	}
	return "did you mean " + best + "? "
}

// Distance counts the bytes to insert, delete or replace (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
