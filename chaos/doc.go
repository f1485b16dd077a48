// Package chaos breaks clusters of real processes, and looks at what is left. It holds tests only:
//
//	make chaos ROUNDS=20        # rounds with seeds 1 to 20, in turn with four and seven nodes
//	go test ./chaos -v -count=1 -run 'TestChaos$' -rounds 1 -seed 12 -nodes 7
//
// # Concepts
//
// A round is one new cluster of `juno server` processes. Every node is reached through a proxy that
// knows which process has connected, so that the line from any node to any other one can be cut or
// delayed by itself. Clients pay, singly and in batches, and read balances. A nemesis meanwhile
// kills, freezes, cuts off and slows down, fills a disk, damages a log, and may own a node that
// runs the program liar in the place of juno; all as the seed draws it. Then it heals everything.
//
// # What has to hold
//
// Of what is permanent, damage and lies, there is at most f. Everything else may hit any node, also
// several at a time: then the cluster may stop, and has to go on when it is healed. Afterwards all
// outcomes that were acknowledged are in every honest node, each at its index with its result; the
// balances are the payments that were accepted, each once; the history of each account has an order
// that explains what clients were told; honest nodes have one state; their directories verify; and
// there is evidence against the liar.
//
// # What it does not do
//
// A seed draws the faults, not the scheduling of processes: a failure may not come again with its
// seed. That is what package cluster/sim is for. It runs on Linux only.
package chaos
