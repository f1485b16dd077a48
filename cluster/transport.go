package cluster

import "juno"

// Lane is the urgency of a frame. Frames on a lower lane go first.
type Lane uint8

// The lanes. Votes decide, evidence ends terms, entries are what both are about, and commands can
// always be sent again.
const (
	LaneVotes    Lane = 0
	LaneEvidence Lane = 1
	LaneEntries  Lane = 2
	LaneCommands Lane = 3
)

// Transport carries frames to the other members. It authenticates them: a frame that it passes to
// TransportConfig.Deliver came from the member that it names.
type Transport interface {
	// Send hands a frame over for a member, and never blocks. Neither side may change the frame
	// afterwards. It returns false if the frame was dropped; the protocol repeats messages that
	// matter.
	Send(to juno.NodeID, lane Lane, frame []byte) bool
	// SetMembers sets the members, at the start and whenever an epoch begins.
	SetMembers(config *juno.EpochConfig)
	// Close closes the transport. Nothing is delivered afterwards.
	Close() error
}

// TransportConfig configures a transport.
type TransportConfig struct {
	ID      juno.NodeID
	Cluster juno.ClusterID
	// Config is the newest known membership, perhaps newer than those in the log.
	Config *juno.EpochConfig
	// Secret returns the node's own key with that public half, if it has it. The membership
	// determines which key is in force; it changes when the key is rotated.
	Secret func(juno.PublicKey) (juno.PrivateKey, bool)
	// Keys returns all keys of the node, beginning with the newest.
	Keys func() []juno.PrivateKey
	// Deliver takes a frame from an authenticated member. It may be called from any goroutine, and
	// returns soon.
	Deliver func(from juno.NodeID, frame []byte)
}

// Connector makes the transport of a node.
type Connector func(TransportConfig) (Transport, error)
