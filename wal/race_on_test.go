//go:build race

package wal

// raceEnabled: tests of one goroutine take ten times as long under the race detector, and can
// find nothing more there.
const raceEnabled = true
