// Package embedded runs a whole Juno ledger in one process and one directory, without a server.
//
//	dir, err := datadir.Create("books", datadir.Options{Open: true})
//	ledger, err := embedded.Open("books", embedded.Options{})
//	defer ledger.Close()
//	client, err := ledger.Client("operator")
//	texts := []string{"transfer(a->b, 1%1)"}
//	outcomes, err := client.Submit(ctx, texts, juno.Single, nil)
//	rows, err := ledger.Query(ctx, juno.Query{Text: "SELECT * FROM accounts AS OF 12"})
//
// The package connects the other packages, so a program that embeds Juno and the juno command run
// the same code: a cluster of one voter, with the same core, log and apply path as a cluster of
// many.
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
// Every node answers queries and accepts commands. If a node stops, the others continue as long as
// a quorum is left. Draft, Propose, Halt and similar functions change members, keys and mode with
// the signatures of administrators. datadir.PrepareNode makes the directory of a node that joins,
// or that replaces one whose disk was lost.
//
// # Guarantees
//
// An acknowledged command is on disk and synced: killing the process, a crash of the machine or a
// full disk loses nothing that was acknowledged. The outcome of a command that was not acknowledged
// is unknown until the ledger is opened again. Submitting it with the same request number returns
// the first result and executes nothing twice.
//
// # What it does not do
//
// A ledger of one voter detects every change of its files, and proves its history to others by its
// own signature. It cannot protect against the holder of that signing key; that takes more voters.
package embedded
