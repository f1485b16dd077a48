package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"juno"
	"juno/internal/cli"
)

var freezeVerb = cli.Verb{
	Name:    "freeze",
	Summary: "halt a cluster at once; it can still be read",
	Help: `  juno freeze books --reason 'key of alice stolen'
  juno freeze books --sign-only halt --by ann        and on another machine:
  juno freeze books --with halt --by ben

Every node that hears of it obeys, without a vote. juno resume ends it.
`,
	Args:  "DIR",
	Setup: setupMode(true),
}

var resumeVerb = cli.Verb{
	Name:    "resume",
	Summary: "end a freeze",
	Help:    "  juno resume books\n",
	Args:    "DIR",
	Setup:   setupMode(false),
}

// setupMode returns the setup of the verb that halts the ledger, or ends that.
func setupMode(halted bool) func(*flag.FlagSet) cli.Action {
	return func(set *flag.FlagSet) cli.Action {
		reason := set.String("reason", "", "`words` for the log")
		number := set.Uint64("number", 0, "`number` of the change, above that of every one "+
			"before; 0: milliseconds since 1970")
		s := signingFlags(set)
		return func(ctx context.Context, c cli.Console, words []string) error {
			change := &juno.ModeChange{Halted: halted, Nonce: *number, Reason: *reason}
			return changeMode(ctx, c, words[0], s, change)
		}
	}
}

// changeMode signs a change of the mode and hands it in, or the one that was begun elsewhere.
func changeMode(
	ctx context.Context, c cli.Console, path string, s *signing, change *juno.ModeChange,
) error {
	halted := change.Halted
	k, err := connect(ctx, c, path, "")
	if err != nil {
		return err
	}
	defer k.Close()
	if err := k.await(ctx); err != nil {
		return err
	}
	if change.Nonce == 0 {
		change.Nonce = nowMillis()
	}
	if *s.with != "" {
		payload, err := readChange(*s.with)
		if err != nil {
			return err
		}
		if change, err = juno.ParseModeChange(payload); err != nil {
			return fmt.Errorf("%s: %w", *s.with, err)
		}
		if change.Halted != halted {
			return cli.Usagef("%s is of another verb", *s.with)
		}
	}
	threshold := k.Members().AdminThreshold
	keys, err := s.keys(path, threshold)
	if err != nil {
		return err
	}
	for _, key := range keys {
		change.Approve(key, k.Cluster())
	}
	if *s.signOnly != "" || len(change.Approvals) < threshold {
		if s.file() == "" {
			return fmt.Errorf("%d signatures, %d are needed: --sign-only FILE keeps them for the "+
				"others", len(change.Approvals), threshold)
		}
		return sayUnfinished(c, s, writeChange(s.file(), change.Payload()))
	}
	within, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	said, err := k.ChangeMode(within, change)
	if err != nil {
		return fmt.Errorf("%w; see juno status --connect", err)
	}
	text := "it goes on, as %d of %d voters say\n"
	if halted {
		text = "halted, as %d of %d voters say; it can be read\n"
	}
	fmt.Fprintf(c.Out, text, said, len(k.Members().Voters))
	return nil
}

// nowMillis numbers changes of the mode that nobody has numbered.
func nowMillis() uint64 { return uint64(time.Now().UnixMilli()) }
