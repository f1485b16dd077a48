// Package embedded is a whole Juno ledger in one process and one directory, without a server.
//
//	dir, err := datadir.Create("books", datadir.Options{Open: true})
//	ledger, err := embedded.Open("books", embedded.Options{})
//	defer ledger.Close()
//	client, err := ledger.Client("operator")
//	texts := []string{"transfer(a->b, 1%1)"}
//	outcomes, err := client.Submit(ctx, texts, juno.Single, nil)
//	rows, err := ledger.Query(ctx, juno.Query{Text: "SELECT * FROM accounts AS OF 12"})
//
// It is the room that wires the other rooms together, so that a program which embeds Juno and
// the juno command run the same thing: a cluster of one voter, with the same core, log and apply
// path as a cluster of many.
//
// # Concepts
//
// A directory holds one node of one ledger; package datadir says what is in it. The log is the
// truth; the state is computed from it, and may be deleted at any time.
//
// # Clusters
//
// datadir.CreateCluster makes a directory for each of several nodes, and Options.Transport connects
// them:
//
//	lines := cluster.NewSwitch()
//	dirs, err := datadir.CreateCluster(places, datadir.Options{})
//	ledger, err := embedded.Open(places[0].Path, embedded.Options{Transport: lines.Connect})
//
// Every node answers queries and takes commands in. Where one stops, the others go on as long as
// a quorum is left. Draft, Propose, Halt and their like change members, keys and mode with what
// administrators have signed; datadir.PrepareNode makes the directory of a node that joins, or
// replaces one whose disk was lost.
//
// # Guarantees
//
// An acknowledged command is on disk, synced, and stays: a kill, a crash of the machine or a full
// disk loses nothing that was acknowledged. What was not acknowledged is unknown until the ledger
// is opened again; asking with the same request number gives the first result and executes
// nothing twice.
//
// # What it does not do
//
// A ledger of one voter detects every change of its files, and proves its history to others by
// its own signature. It cannot protect against the holder of that signing key: for that the
// ledger needs more voters.
package embedded
