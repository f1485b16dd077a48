package main

import (
	"context"
	"fmt"

	"juno/internal/cli"
)

var versionVerb = cli.Verb{
	Name:    "version",
	Summary: "print the version",
	Help:    "  juno version\n  juno --version\n",
	Setup: cli.NoFlags(func(_ context.Context, c cli.Console, _ []string) error {
		_, err := fmt.Fprintln(c.Out, "juno", version)
		return err
	}),
}
