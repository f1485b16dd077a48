package main

import (
	"fmt"
	"os"
)

// profileVariable names, in the environment, a file for the CPU profile of any verb. It is written
// when the verb ends cleanly, for a node at SIGINT or SIGTERM.
const profileVariable = "JUNO_CPUPROFILE"

// profiled runs a verb, with a profile if the environment asks for one.
func profiled(run func() int) int {
	stop, err := startProfile(os.Getenv(profileVariable))
	if err != nil {
		fmt.Fprintf(os.Stderr, "juno: %s: %v\n", profileVariable, err)
		return exitFailed
	}
	code := run()
	if err := stop(); err != nil {
		fmt.Fprintf(os.Stderr, "juno: %s: %v\n", profileVariable, err)
		return max(code, exitFailed)
	}
	return code
}
