package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"juno"
)

var receiptVerb = verb{
	name:    "receipt",
	summary: "a self-contained proof of one entry, as JSON",
	help: `  juno receipt books 812 > receipt.json
  juno receipt --connect books 812      of a cluster, with the answers of its nodes
  juno verify receipt.json
`,
}

func init() { receiptVerb.run = runReceipt }

func runReceipt(ctx context.Context, c console, args []string) (err error) {
	set := flags(c, &receiptVerb)
	file := set.String("o", "", "write to this `file`")
	clients := set.String("connect", "", "ask the cluster whose clients' `directory` that is")
	words, err := parse(set, args, 1, 2)
	if err != nil {
		return err
	}
	if *clients != "" {
		words = append([]string{*clients}, words...)
	}
	if len(words) != 2 {
		return usagef("want a directory and an index")
	}
	index, err := strconv.ParseUint(words[1], 10, 64)
	if err != nil || index == 0 {
		return usagef("index %q: want a number from 1", words[1])
	}
	var text []byte
	if *clients != "" {
		text, err = receiptOfCluster(ctx, c, *clients, juno.Index(index))
	} else {
		text, err = receiptHere(ctx, c, words[0], juno.Index(index))
	}
	if err != nil {
		return err
	}
	if *file != "" {
		return os.WriteFile(*file, text, 0o644)
	}
	_, err = fmt.Fprintf(c.out, "%s\n", text)
	return err
}

// receiptHere makes the receipt from the ledger in a directory.
func receiptHere(
	ctx context.Context, c console, path string, index juno.Index,
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
	ctx context.Context, c console, path string, index juno.Index,
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
