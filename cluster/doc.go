// Package cluster is the node around the consensus core: it gives the core its inputs, carries
// out what the core asks for in the order the core's contract demands, and answers clients.
//
// # Goroutines
//
// One goroutine, the loop, owns the core, the pool and the validator. Around it others work on
// what takes time, each fed by a queue:
//
//	clients → admission → loop ⇄ writer      admission checks signatures, batched
//	  peers → checkers ↗    ↓                checkers decode and verify what members send
//	                      applier → tickets  writer makes Readies durable, one sync for all
//	                                         applier executes final entries
//
// While the writer waits for the disk, admission and loop already work on the next batch, and the
// applier executes the one before. Batches grow with the load by themselves.
//
// # Many nodes
//
// A Transport carries frames between the members; Switch is one for nodes of one process, package
// wire has one over ZeroMQ. What arrives waits in an inbox that is bounded for every peer by
// itself: of votes the newest stay, of the rest the oldest. Votes and evidence are verified on one
// goroutine, entries and commands on another; the signatures of clients in a batch are verified
// together, on all cores. No signature is verified twice on a node: good ones are remembered by
// a hash over key, message and signature, and so are our own. The core is given an entry only if
// its client's signature was verified here (judge.go).
//
// A node that does not lead forwards what its clients submit to the one that does, at once and
// again while it waits; what was forwarded is never forwarded again. The tickets end when the
// entries are executed here, whoever has put them into the log.
//
// A node that is too far behind for the log fetches the state of a certified checkpoint from the
// others (transfer.go). One whose membership names none of its keys observes, and begins to vote
// when a membership names one.
//
// # Guarantees
//
// A ticket ends with an outcome only after its entries are final, on this node's disk, and
// executed. Nothing that promises durability leaves before its sync; the table of
// docs/SPECIFICATION.md §3.4 is asserted on every message.
//
// A node whose log or machine fails stops at once and ends every ticket with juno.ErrUnknown; it
// never tries again, because after a failed sync nobody knows what is on disk.
//
// A request that is in the log already is answered with its first result; nothing is executed
// twice. The same request number with another command is juno.ErrReused. So it is with what is
// on its way: a command follows itself, also out of a batch. A batch of which a part is in the log
// or on its way without the rest is never taken, and juno.ErrUnknown: its commands can be asked
// for, and sent, one by one.
//
// # What it does not do
//
// It opens no files and no sockets: Log, Machine, Validator, States and Transport are ports. It
// signs no answers for clients: package rpc does, with what Config.Answer is told.
package cluster
