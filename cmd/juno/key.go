package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"juno"
	"juno/datadir"
	"juno/internal/cli"
)

var keyVerb = cli.Verb{
	Name:    "key",
	Summary: "show, add, rotate and revoke the keys of clients",
	Help: `  juno key show books
  juno key new books carol --as alice        alice, an operator, introduces carol
  juno key rotate books --as carol           carol's key introduces the next one and ends
  juno key revoke books 5f0c1d2e3a4b5c6d     that key is not valid from now on
  juno key rotate --connect books --as carol   in a cluster; books is the clients' directory

A new key is written to the disk before it is submitted. If the outcome is unknown (exit code 4),
both keys are kept; give the same command again to find out and to finish the change.
`,
	Verbs: []cli.Verb{
		{
			Name: "show", Args: "[DIR]", Summary: "list the clients' keys in a directory",
			Help: "  juno key show books\n", Setup: setupKey("show", ""),
		},
		{
			Name: "new", Args: "[DIR] NAME", Summary: "introduce a client",
			Help: `  juno key new books carol --as alice
  juno key new --connect books carol --as alice
`,
			Setup: setupKey("new", "NAME"),
		},
		{
			Name: "rotate", Args: "[DIR]", Summary: "replace a client's key by a new one",
			Help: `  juno key rotate books --as carol
  juno key rotate --connect books --as carol
`,
			Setup: setupKey("rotate", ""),
		},
		{
			Name: "revoke", Args: "[DIR] KEYID", Summary: "end a key",
			Help:  "  juno key revoke books 5f0c1d2e3a4b5c6d --as alice\n",
			Setup: setupKey("revoke", "KEYID"),
		},
	},
}

// setupKey returns the setup of an action. word names what stands behind the directory; it may be
// empty.
func setupKey(action, word string) func(*flag.FlagSet) cli.Action {
	return func(set *flag.FlagSet) cli.Action {
		name := set.String("as", "", "act as the client of that `name`")
		far := set.String("connect", "",
			"change the keys of the cluster of this client `directory`")
		operator := new(bool)
		if action == "new" {
			operator = set.Bool("operator", false, "the client may issue money")
		}
		return func(ctx context.Context, c cli.Console, words []string) error {
			path, word, err := place(words, *far, word)
			role := juno.RoleClient
			if *operator {
				role = juno.RoleOperator
			}
			switch {
			case err != nil:
				return err
			case action == "show":
				return showKeys(c, path)
			case *far != "" || isClientDirectory(path):
				return changeKeyOfCluster(ctx, c, path, *name, action, word, role)
			}
			return changeKey(ctx, c, path, *name, action, word, role)
		}
	}
}

// showKeys needs no hold of the directory: it reads key files only.
func showKeys(c cli.Console, path string) error {
	dir, err := datadir.Open(path)
	if err != nil {
		return err
	}
	names, err := dir.ClientNames()
	if err != nil {
		return err
	}
	for _, n := range names {
		k, err := dir.ClientKey(n)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "%-20s %s  %s\n", n, k.Public().ID(), k.Public())
	}
	return nil
}

// changeKey does one of the actions new, rotate and revoke on a ledger in this process.
func changeKey(
	ctx context.Context, c cli.Console, path, name, action, word string, role juno.Role,
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
