// Package client is the client of a cluster: it signs, numbers and submits commands, asks for
// rows, and decides what to believe of what the nodes say. Programs that use a ledger that runs
// elsewhere begin here:
//
//	c, err := client.Connect(ctx, "books", client.Options{})
//	defer c.Close()
//	outcomes, err := c.Submit(ctx, []string{"transfer(a->b, 1%1)"}, juno.Single, nil)
//	rows, err := c.Query(ctx, juno.Query{Text: "SELECT * FROM accounts"}, client.Quorum)
//
// [Connect] reads a client's directory (package datadir): the genesis of the ledger, which names it
// and its first members, and the client's keys; `juno init --nodes` makes one. A lost one is made
// again of the genesis and the keys. [Open] takes all that from the caller, and the transport too.
//
// [Keys] changes the keys of clients. [Client.ChangeMembers] and [Client.ChangeMode] hand in what
// administrators have signed, and wait until it is in force.
//
// # What it believes
//
// The membership: what the chain of ends of epochs proves, from the genesis whose hash is the
// ledger's id. A node that claims an epoch without a proof is not followed.
//
// The result of a command: what f+1 voters of the present epoch have signed in equal words, of
// whom at least one is correct. Whatever else a node signs is kept as Evidence.
//
// The rows of a query: see Consistency.
//
// # Commands
//
// A command goes to the leader that the nodes' terms name. If there is no answer after twice the
// usual time it goes to all voters, again and again with growing pauses, always in the same bytes,
// so that however often it arrives it is executed once. All nodes answer what they execute, so
// the client waits for the fastest f+1.
//
// Commands are numbered. A node remembers the newest 4096 numbers of a client one by one; what is
// older and was not used can never be. So the client never has commands under way whose numbers
// are further apart than that, and a long submission is pipelined within this window.
//
// While administrators have halted the ledger a command ends as refused as soon as a quorum says
// so. It is not in the log then; a node that lies could keep it, and hand it in after the resume,
// unless it has expired or its number has left the window.
//
// A command that has no outcome when its time is over is Unknown: it may be in the log, or come
// there. Its number is in the outcome. Client.Ask tells later what became of it, and
// Client.SubmitAt with the same number and text sends it again; neither executes it twice.
//
// # Numbers
//
// The first number is one above the highest that any of a quorum of voters has in its log: a
// command that was acknowledged to a client before is in the log of a correct one of them. A
// program that must not lose count when it crashes keeps its own, with SubmitAt. Two programs must
// not use one key at a time, because they would use the same numbers.
//
// # What it does not do
//
// It has no database, and no part of a node: it executes nothing, and parses neither commands nor
// SQL. Besides the keys, and the proofs of the membership in the file "epochs" of its directory, it
// keeps nothing on disk.
package client
