package main

import (
	"context"
	"os"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"juno/datadir"
)

// crash is juno, except that changing a key ends in the middle: juno-crash kill STEP key rotate …
// is gone at once, and juno-crash interrupt STEP … is interrupted there. See keyStep.
func crash() {
	how, at := os.Args[1], os.Args[2]
	os.Args = append(os.Args[:1], os.Args[3:]...)
	keyStep = func(ctx context.Context, step string) {
		switch {
		case step != at:
		case how == "kill":
			os.Exit(137)
		default:
			if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
				panic(err)
			}
			<-ctx.Done()
		}
	}
	main()
}

// scriptKeyID sets KEYID to the id of a client's key: keyid DIR NAME.
func scriptKeyID(ts *testscript.TestScript, _ bool, args []string) {
	dir, err := datadir.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	key, err := dir.ClientKey(args[1])
	ts.Check(err)
	ts.Setenv("KEYID", key.Public().ID().String())
}

// scriptLock holds the keys of a directory until the script ends: lock DIR.
func scriptLock(ts *testscript.TestScript, _ bool, args []string) {
	dir, err := datadir.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	held, err := dir.Lock()
	ts.Check(err)
	ts.Defer(func() { held.Close() })
}
