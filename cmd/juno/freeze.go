package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"juno"
	"juno/internal/cli"
	"juno/server"
)

var freezeVerb = cli.Verb{
	Name:    "freeze",
	Summary: "halt a cluster at once; it can still be read",
	Help: `  juno freeze books --reason 'key of alice stolen'
  juno freeze books --sign-only halt --by ann        and on another machine:
  juno freeze books --with halt --by ben

A node that receives the signed order obeys it, without a vote. juno resume ends the freeze.
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

// modeWithin is how long freeze and resume wait until a quorum says that the mode is in force: a
// few elections on a slow network.
const modeWithin = 30 * time.Second

// setupMode returns the setup of the verb that halts the ledger, or ends that.
func setupMode(halted bool) func(*flag.FlagSet) cli.Action {
	return func(set *flag.FlagSet) cli.Action {
		reason := set.String("reason", "", "`text` for the log")
		number := set.Uint64("number", 0, "`number` of the change, higher than those before; "+
			"0: milliseconds since 1970")
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
			return cli.Usagef("%s holds a change for the other verb: freeze halts, resume "+
				"ends that", *s.with)
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
			return fmt.Errorf("%d of %d signatures: --sign-only FILE writes the change to a file "+
				"for the other administrators", len(change.Approvals), threshold)
		}
		return sayUnfinished(c, s, writeChange(s.file(), change.Payload()))
	}
	if err := k.Admin(ctx, juno.KindMode, change.Payload()); err != nil {
		return err
	}
	return k.sayMode(ctx, c, halted)
}

// sayMode waits until a quorum says that the mode is in force.
func (k *connection) sayMode(ctx context.Context, c cli.Console, halted bool) error {
	want, text := "no", "resumed; confirmed by %d of %d voters\n"
	if halted {
		want, text = "yes", "halted; confirmed by %d of %d voters; the ledger can still be read\n"
	}
	said := 0
	for end := time.Now().Add(modeWithin); time.Now().Before(end) && ctx.Err() == nil; {
		said = 0
		config := k.Members()
		for _, n := range k.nodes(ctx) {
			if n.voting && n.problem == nil && n.text(server.FactHalted) == want {
				said++
			}
		}
		if said >= config.Quorum() {
			fmt.Fprintf(c.Out, text, said, len(config.Voters))
			return nil
		}
	}
	return errors.Join(ctx.Err(), fmt.Errorf("submitted, and confirmed by %d voters within %s: "+
		"see juno status --connect", said, modeWithin))
}

// nowMillis numbers changes of the mode that nobody has numbered.
func nowMillis() uint64 { return uint64(time.Now().UnixMilli()) }
