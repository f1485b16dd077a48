package main

import (
	"fmt"
	"os"
	"runtime"
)

// processorsVariable is Go's own: how many processors a program runs on at a time.
const processorsVariable = "GOMAXPROCS"

// sharing is the environment of one of several nodes on this machine. Each gets its share of the
// processors, at least one: a node that has nothing to do looks on all that it may use for work,
// and with more nodes than processors that is what they would spend them on. Whoever has set the
// number knows better.
func sharing(nodes int) []string {
	all := os.Environ()
	if os.Getenv(processorsVariable) == "" {
		all = append(all, fmt.Sprintf("%s=%d", processorsVariable, max(1, runtime.NumCPU()/nodes)))
	}
	return all
}
