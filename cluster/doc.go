// Package cluster is the node around the consensus core: it feeds the core, carries out its Readies
// in the order that their contract demands, and answers clients.
//
// # Goroutines
//
// One goroutine, the loop, owns the core, the pool and the validator. Other goroutines do the work
// that takes time, each fed by a queue:
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
// A Transport carries frames between the members; Switch is one for nodes of one process. Frames
// wait in an inbox that is bounded for every peer by itself: of votes the newest stay, of the rest
// the oldest. Votes and evidence are verified on one goroutine, entries and commands on another;
// the signatures of clients in a batch are verified together, on all processors. No signature is
// verified twice on a node: good ones are stored as a hash over key, message and signature, the
// node's own included. The core receives an entry only if its client's signature was verified on
// this node (validator.go).
//
// A node that does not lead forwards its clients' proposals to the leader, at once and again while
// they wait; a forwarded proposal is never forwarded again. The tickets end when the entries are
// executed on this node, whichever leader put them into the log.
//
// A node that is too far behind for the log fetches the state of a certified checkpoint from the
// others (transfer.go). A node with no key of the membership observes, and begins to vote when a
// membership names one of its keys.
//
// # Guarantees
//
// A ticket ends with an outcome only after its entries are final, on this node's disk, and
// executed. No message that promises durability leaves before its sync; the table of
// docs/SPECIFICATION.md §3.4 is asserted on every message.
//
// A node whose log or machine fails stops at once and ends every ticket with juno.ErrUnknown. It
// never tries again, because after a failed sync the contents of the disk are unknown.
//
// A request that is in the log already is answered with its first result; nothing is executed
// twice. The same request number with another command is juno.ErrReused. A command that is on its
// way already waits for the first one, also if that is in a batch. A batch of which only a part is
// in the log or on its way is never taken, and its ticket ends with juno.ErrUnknown: its commands
// can be sent one by one.
//
// # What it does not do
//
// It opens no files and no sockets: Log, Machine, Validator, States and Transport are ports. It
// signs no answers for clients: package rpc does, with the results that Config.Answer gets.
package cluster
