package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"juno"
	"juno/embedded"
)

var keyVerb = verb{
	name:    "key",
	summary: "show, make, rotate and revoke the keys of clients",
	help: `  juno key show books
  juno key new books carol --as alice        alice, an operator, introduces carol
  juno key rotate books --as carol           carol's key introduces the next one and ends
  juno key revoke books 5f0c1d2e3a4b5c6d     that key signs nothing from now on
  juno key rotate --connect books --as carol   in a cluster; books is the clients' directory

A new key is written to the disk before it is handed in. Where the outcome is unknown (exit code 4)
both keys are kept, and the same command again finds out and finishes the change.
`,
}

func init() { keyVerb.run = runKey }

func runKey(ctx context.Context, c console, args []string) error {
	set := flags(c, &keyVerb)
	name := set.String("as", "", "act as the client of that `name`")
	operator := set.Bool("operator", false, "new: the client may issue money")
	far := set.String("connect", "", "change the keys of the cluster of this client `directory`")
	words, err := parse(set, args, 1, 3)
	if err != nil {
		return err
	}
	if *far != "" {
		words = slices.Insert(words, 1, *far)
	}
	action, rest := words[0], words[min(2, len(words)):]
	wanted, known := map[string]int{"show": 0, "new": 1, "rotate": 0, "revoke": 1}[action]
	if !known {
		return usagef("no action %q; there are show, new, rotate, revoke", action)
	}
	if len(words) < 2 {
		return usagef("%s: want a ledger's directory, or --connect and a client's", action)
	}
	if len(rest) != wanted {
		return usagef("%s: %d words behind the directory, want %d", action, len(rest), wanted)
	}
	path, word := words[1], ""
	if wanted > 0 {
		word = rest[0]
	}
	role := juno.RoleClient
	if *operator {
		role = juno.RoleOperator
	}
	switch {
	case action == "show":
		return showKeys(c, path)
	case *far != "" || isClientDirectory(path):
		return changeKeyOfCluster(ctx, c, path, *name, action, word, role)
	}
	return changeKey(ctx, c, path, *name, action, word, role)
}

// showKeys needs no hold of the directory: it reads key files only.
func showKeys(c console, path string) error {
	dir, err := embedded.Look(nil, path)
	if err != nil {
		return err
	}
	names, err := dir.Names()
	if err != nil {
		return err
	}
	for _, n := range names {
		k, err := dir.Key(n)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%-20s %s  %s\n", n, k.Public().ID(), k.Public())
	}
	return nil
}

// changeKey does one of the actions new, rotate and revoke on a ledger in this process.
func changeKey(
	ctx context.Context, c console, path, name, action, word string, role juno.Role,
) (err error) {
	ledger, err := openLedger(c, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	client, err := actAs(ledger, name)
	if err != nil {
		return err
	}
	if client == nil {
		return errors.New("no key to sign with in this directory")
	}
	var o juno.Outcome
	switch action {
	case "new":
		o, err = client.Register(ctx, word, role)
	case "rotate":
		o, err = client.Rotate(ctx)
	default:
		var id juno.KeyID
		if id, err = juno.ParseKeyID(word); err == nil {
			o, err = client.Revoke(ctx, id)
		}
	}
	if err != nil {
		return err
	}
	return sayKeyChange(c, o.Index, &o.Result)
}
