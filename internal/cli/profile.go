package cli

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// ProfileVariable names, in the environment, a file for the CPU profile of any verb. It is written
// when the verb ends cleanly, for a node at SIGINT or SIGTERM.
const ProfileVariable = "JUNO_CPUPROFILE"

// Profiled runs a program, with a profile if the environment asks for one.
func Profiled(c Console, run func() ExitCode) ExitCode {
	stop, err := StartProfile(os.Getenv(ProfileVariable))
	if err != nil {
		fmt.Fprintf(c.Err, "%s: %v\n", ProfileVariable, err)
		return ExitFailed
	}
	code := run()
	if err := stop(); err != nil {
		fmt.Fprintf(c.Err, "%s: %v\n", ProfileVariable, err)
		return max(code, ExitFailed)
	}
	return code
}

// StartProfile starts a CPU profile unless file is empty; the function it returns ends it.
func StartProfile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
