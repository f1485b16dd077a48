package sql

import "strings"

// nearest returns a hint naming the known word that a mistyped one is closest to, or "".
func nearest(word string, known []string) string {
	const tooLong = 64 // nobody mistypes a longer name of ours
	if len(word) < 2 || len(word) > tooLong {
		return ""
	}
	best, bestDistance := "", max(2, len(word)/3+1)
	word = strings.ToLower(word)
	for _, k := range known {
		if d := distance(word, strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// distance counts the letters to insert, drop, change or swap with their neighbour.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := range len(a) {
		before, last, now := rows[i%3], rows[(i+1)%3], rows[(i+2)%3]
		now[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			now[j+1] = min(last[j]+cost, last[j+1]+1, now[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				now[j+1] = min(now[j+1], before[j-1]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
