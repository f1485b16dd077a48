package audit

import "juno"

// fault is what is wrong with an entry.
type fault struct {
	index            juno.Index
	expected, actual string
	detail           string
}

// keep notes a fault unless there is one at an earlier entry.
func keep(f *juno.Finding, bad fault) { f.Fail(bad.index, bad.expected, bad.actual, bad.detail) }
