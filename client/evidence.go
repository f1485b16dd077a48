package client

import (
	"fmt"

	"juno"
)

// Fault is a kind of misbehaviour.
type Fault string

// The faults that a client can find.
const (
	BadFrame      Fault = "bad frame"      // bytes that no node of ours sends
	BadSignature  Fault = "bad signature"  // a statement that it did not sign, or in another's name
	BadProof      Fault = "bad proof"      // a membership or certificate that proves nothing
	Contradiction Fault = "contradiction"  // it says something else than f+1 others
	TwoAnswers    Fault = "two answers"    // it says two things of the same command
	BadRows       Fault = "different rows" // its rows, or their hash, are not what others have
)

// Evidence is what a node did, with its own signed words where there are any. It may be due to a
// broken disk as well as to malice.
type Evidence struct {
	Node  juno.NodeID
	Fault Fault
	Text  string
	// Frames are the frames that show it, as received: the node's own, and what contradicts it.
	Frames [][]byte
}

// String is one line.
func (e Evidence) String() string { return fmt.Sprintf("%s: %s: %s", e.Node, e.Fault, e.Text) }

// evidenceMax bounds what is kept; the first pieces tell most.
const evidenceMax = 256

// accuse keeps a piece of evidence.
func (c *Client) accuse(node juno.NodeID, f Fault, frames [][]byte, format string, args ...any) {
	e := Evidence{Node: node, Fault: f, Text: fmt.Sprintf(format, args...), Frames: frames}
	c.evidenceMu.Lock()
	if len(c.evidence) < evidenceMax {
		c.evidence = append(c.evidence, e)
	}
	c.evidenceMu.Unlock()
	if c.cfg.OnEvidence != nil {
		c.cfg.OnEvidence(e)
	}
}

// Evidence returns what was found so far, oldest first, at most the first 256 pieces.
func (c *Client) Evidence() []Evidence {
	c.evidenceMu.Lock()
	defer c.evidenceMu.Unlock()
	return append([]Evidence(nil), c.evidence...)
}
