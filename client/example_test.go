package client_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"juno"
	"juno/client"
)

// Pay one unit, and read the balance as a quorum of nodes has it. The directory "books" is a
// client's: juno init books --nodes 4 makes one, with those of the nodes in it.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Connect(ctx, "books", client.Options{Name: "bank"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Await(ctx); err != nil {
		log.Fatal(err) // which nodes cannot be reached, and why
	}
	outcomes, err := c.Submit(ctx, []string{"transfer(alice->bob, 1%1)"}, juno.Single, nil)
	if err != nil {
		log.Fatal(err)
	}
	if o := outcomes[0]; o.Err != nil {
		log.Fatal(o.Err) // juno.ErrUnknown: it may be in the log; Client.Ask tells later
	}
	rows, err := c.Query(ctx, juno.Query{
		Text: "SELECT balance FROM accounts WHERE name = 'bob'",
	}, client.Quorum)
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for row, ok := rows.Next(); ok; row, ok = rows.Next() {
		fmt.Println(row[0].Text)
	}
	if err := rows.Err(); err != nil {
		log.Fatal(err)
	}
}

// Give a client of a cluster another key.
func ExampleKeys() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	keys, err := client.OpenKeys("books", client.Options{Name: "bank"})
	if err != nil {
		log.Fatal(err)
	}
	defer keys.Close()
	outcome, err := keys.Rotate(ctx)
	if err != nil {
		log.Fatal(err) // juno.ErrUnknown: Rotate again finds out, and finishes it
	}
	fmt.Println("in the log at", outcome.Index)
}
