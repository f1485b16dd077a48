package ports

import (
	"fmt"
	"os"
	"runtime"
)

// processorsVariable is Go's own: how many processors a program runs on at a time.
const processorsVariable = "GOMAXPROCS"

// Share returns the environment for one of several nodes on this machine. Each node gets its share
// of the processors, at least one: an idle node looks for work on every processor that it may use,
// and where nodes outnumber processors that search is what the time goes to. A number that is set
// in the environment already is kept.
func Share(nodes int) []string {
	all := os.Environ()
	if os.Getenv(processorsVariable) == "" {
		all = append(all, fmt.Sprintf("%s=%d", processorsVariable, max(1, runtime.NumCPU()/nodes)))
	}
	return all
}
