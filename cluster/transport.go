package cluster

import "juno"

// Lane says how urgent a frame is. What is waiting on a lower lane goes first.
type Lane uint8

// The lanes. Votes decide, evidence deposes, entries are what both are about, and commands can
// always be sent again.
const (
	LaneVotes    Lane = 0
	LaneEvidence Lane = 1
	LaneEntries  Lane = 2
	LaneCommands Lane = 3
)

// Transport carries frames to the other members. It knows who is at the other end of a line:
// what it hands to TransportConfig.Deliver came from the member that it names.
type Transport interface {
	// Send hands a frame over for a member, and never blocks. The frame must not be changed
	// afterwards by either side. False says that it was dropped; the protocol repeats what
	// matters.
	Send(to juno.NodeID, lane Lane, frame []byte) bool
	// SetMembers tells who the members are, at the start and whenever an epoch begins.
	SetMembers(config *juno.EpochConfig)
	// Close ends it. Nothing is delivered afterwards.
	Close() error
}

// TransportConfig is what a transport is made from.
type TransportConfig struct {
	ID      juno.NodeID
	Cluster juno.ClusterID
	// Config is the newest membership that is known, perhaps newer than what the log holds.
	Config *juno.EpochConfig
	// Secret returns the node's own key with that public half, if it has it. Which one is in
	// force the membership says; it changes when the key is rotated.
	Secret func(juno.PublicKey) (juno.PrivateKey, bool)
	// Keys returns all keys that the node has, beginning with the one that it was given last.
	Keys func() []juno.PrivateKey
	// Deliver takes a frame from an authenticated member. It may be called from any goroutine,
	// and returns soon.
	Deliver func(from juno.NodeID, frame []byte)
}

// Connector makes the transport of a node.
type Connector func(TransportConfig) (Transport, error)
