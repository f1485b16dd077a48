package sql

import (
	"strconv"
	"strings"
	"time"

	"juno"
)

// Times are shown as juno.Millis prints them, 2026-03-31T23:59:59.000Z: of equal length, so that
// their byte order is their order in time. What a user compares them with is brought into the same
// form first.

// instantLayouts are the spellings that are understood, UTC unless they say otherwise.
var instantLayouts = []string{
	"2006-01-02T15:04:05.999Z07:00",
	"2006-01-02 15:04:05.999Z07:00",
	"2006-01-02T15:04:05.999",
	"2006-01-02 15:04:05.999",
	"2006-01-02T15:04",
	"2006-01-02 15:04",
	"2006-01-02",
}

// instantHint is said of what is not a time.
const instantHint = "write '2026-03-31' or '2026-03-31 23:59:59'"

// millisMax is the last moment of the year 9999.
const millisMax = 253402300799999

// yearMax is the last year that has four digits.
const yearMax = 9999

// parseInstant reads a time as people and SQLite's date functions write it.
func parseInstant(s string) (juno.Millis, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range instantLayouts {
		t, err := time.Parse(layout, s)
		if err == nil && t.UTC().Year() >= 0 && t.UTC().Year() <= yearMax {
			return juno.Millis(t.UnixMilli()), true
		}
	}
	return 0, false
}

const millisPerDay = 24 * 60 * 60 * 1000

// clockText writes times; it remembers the last day, because most rows share it.
type clockText struct {
	day  int64
	date [10]byte
}

// append appends what t.String() returns.
func (c *clockText) append(b []byte, t juno.Millis) []byte {
	day, rest := int64(t)/millisPerDay, int64(t)%millisPerDay
	if t < 0 || day > 2932896 { // beyond 9999-12-31
		return append(b, t.String()...)
	}
	if day != c.day || c.date[0] == 0 {
		c.day = day
		juno.Millis(day*millisPerDay).Time().AppendFormat(c.date[:0], "2006-01-02")
	}
	b = append(b, c.date[:]...)
	b = append(b, 'T')
	b = appendPadded(b, rest/3600000, 2)
	b = append(b, ':')
	b = appendPadded(b, rest/60000%60, 2)
	b = append(b, ':')
	b = appendPadded(b, rest/1000%60, 2)
	b = append(b, '.')
	b = appendPadded(b, rest%1000, 3)
	return append(b, 'Z')
}

// appendPadded appends n with leading zeros.
func appendPadded(b []byte, n int64, width int) []byte {
	for unit := powersOfTen[width-1]; unit > 1 && n < unit; unit /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, n, 10)
}

func itoa(n int) string { return strconv.Itoa(n) }

// atoi returns -1 for what is no small number.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}
