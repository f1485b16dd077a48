package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"

	"juno"
	"juno/internal/cli"
)

var receiptVerb = cli.Verb{
	Name:    "receipt",
	Summary: "print a self-contained proof of one entry, as JSON",
	Help: `  juno receipt books 812 > receipt.json
  juno receipt --connect books 812      of a cluster, with signed answers of its nodes
  juno verify receipt.json
`,
	Args:  "[DIR] INDEX",
	Setup: setupReceipt,
}

func setupReceipt(set *flag.FlagSet) cli.Action {
	file := set.String("o", "", "write to this `file`")
	far := set.String("connect", "", "ask the cluster of this client `directory`")
	return func(ctx context.Context, c cli.Console, words []string) error {
		path, word, err := place(words, *far, "INDEX")
		if err != nil {
			return err
		}
		index, err := strconv.ParseUint(word, 10, 64)
		if err != nil || index == 0 {
			return cli.Usagef("index %q: want a number from 1", word)
		}
		take := receiptHere
		if *far != "" {
			take = receiptOfCluster
		}
		text, err := take(ctx, c, path, juno.Index(index))
		if err != nil {
			return err
		}
		if *file != "" {
			return os.WriteFile(*file, text, 0o644)
		}
		_, err = fmt.Fprintf(c.Out, "%s\n", text)
		return err
	}
}

// receiptHere makes the receipt from the ledger in a directory.
func receiptHere(
	ctx context.Context, c cli.Console, path string, index juno.Index,
) (text []byte, err error) {
	ledger, err := openLedger(c, path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	r, err := ledger.Receipt(ctx, index)
	if err != nil {
		return nil, err
	}
	return juno.FormatReceipt(r)
}

// receiptOfCluster asks the nodes.
func receiptOfCluster(
	ctx context.Context, c cli.Console, path string, index juno.Index,
) ([]byte, error) {
	k, err := connect(ctx, c, path, "")
	if err != nil {
		return nil, err
	}
	defer k.Close()
	if err := k.await(ctx); err != nil {
		return nil, err
	}
	return k.Receipt(ctx, index)
}
