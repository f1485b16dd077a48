package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"juno"
	"juno/server"
)

var freezeVerb = verb{
	name:    "freeze",
	summary: "halt a cluster at once; it can still be read",
	help: `  juno freeze books --reason 'key of alice stolen'
  juno freeze books --sign-only halt --by ann        and on another machine:
  juno freeze books --with halt --by ben

Every node that hears of it obeys, without a vote. juno resume ends it.
`,
}

var resumeVerb = verb{
	name:    "resume",
	summary: "end a freeze",
	help:    "  juno resume books\n",
}

func init() {
	freezeVerb.run = func(ctx context.Context, c console, args []string) error {
		return runMode(ctx, c, &freezeVerb, args, true)
	}
	resumeVerb.run = func(ctx context.Context, c console, args []string) error {
		return runMode(ctx, c, &resumeVerb, args, false)
	}
}

func runMode(ctx context.Context, c console, v *verb, args []string, halted bool) error {
	set := flags(c, v)
	reason := set.String("reason", "", "`words` for the log")
	number := set.Uint64("number", 0,
		"`number` of the change, above that of every one before; 0: milliseconds since 1970")
	s := signingFlags(set)
	words, err := parse(set, args, 1, 1)
	if err != nil {
		return err
	}
	k, err := connect(ctx, c, words[0], "")
	if err != nil {
		return err
	}
	defer k.Close()
	if err := k.await(ctx); err != nil {
		return err
	}
	change := &juno.ModeChange{Halted: halted, Nonce: *number, Reason: *reason}
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
			return usagef("%s is of another verb", *s.with)
		}
	}
	threshold := k.Members().AdminThreshold
	keys, err := s.keys(words[0], threshold)
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
	if err := k.Admin(ctx, juno.KindMode, change.Payload()); err != nil {
		return err
	}
	return k.sayMode(ctx, c, halted)
}

// sayMode waits until a quorum says that the mode is in force.
func (k *connection) sayMode(ctx context.Context, c console, halted bool) error {
	want, text := "no", "it goes on, as %d of %d voters say\n"
	if halted {
		want, text = "yes", "halted, as %d of %d voters say; it can be read\n"
	}
	said := 0
	for end := time.Now().Add(demoPatience); time.Now().Before(end) && ctx.Err() == nil; {
		said = 0
		config := k.Members()
		for _, n := range k.nodes(ctx) {
			if n.voting && n.problem == nil && n.text(server.FactHalted) == want {
				said++
			}
		}
		if said >= config.Quorum() {
			fmt.Fprintf(c.out, text, said, len(config.Voters))
			return nil
		}
	}
	return errors.Join(ctx.Err(), fmt.Errorf("handed in; %d voters say that it is in force: see "+
		"juno status --connect", said))
}

// nowMillis numbers changes of the mode that nobody has numbered.
func nowMillis() uint64 { return uint64(time.Now().UnixMilli()) }
