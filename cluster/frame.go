package cluster

import (
	"fmt"

	"juno"
	"juno/cluster/consensus"
)

// A frame is one message from a node to another: kind (1), then by kind:
//
//	kind  body
//	1     a message of the consensus: consensus.Encode
//	2     proposals for the leader: count (uvarint), then for each the number of its entries
//	      (uvarint) and each as type (1) and payload (length-prefixed)
//	3     a question for a piece of a state, 4 the answer: see transfer.go
//
// Nothing but the canonical bytes is accepted.
type frameKind byte

const (
	frameMessage   frameKind = 1
	frameProposals frameKind = 2
	frameAsk       frameKind = 3
	framePiece     frameKind = 4
)

// FrameBytesMax bounds a frame: the largest message of the consensus.
const FrameBytesMax = consensus.MessageBytesMax + 1

// messageFrame encodes a message of the consensus.
func messageFrame(m consensus.Message) []byte {
	return consensus.AppendMessage([]byte{byte(frameMessage)}, m)
}

// laneOf returns the lane of a message of the consensus.
func laneOf(k consensus.MessageKind) Lane {
	switch k {
	case consensus.KindVote, consensus.KindTermChange, consensus.KindNewTerm:
		return LaneVotes
	case consensus.KindAppend, consensus.KindSyncReply:
		return LaneEntries
	}
	return LaneEvidence
}

// laneOfFrame returns the lane of a frame, and whether it is a vote, of which the newest counts. It
// reads the first bytes only.
func laneOfFrame(frame []byte) (lane Lane, vote, ok bool) {
	if len(frame) < 3 || len(frame) > FrameBytesMax {
		return 0, false, false
	}
	switch frameKind(frame[0]) {
	case frameMessage:
		kind := consensus.MessageKind(frame[2])
		return laneOf(kind), kind == consensus.KindVote, true
	case frameProposals, frameAsk:
		return LaneCommands, false, true
	case framePiece:
		return LaneEntries, false, true
	}
	return 0, false, false
}

const (
	// forwardBytes bounds the payload of one frame of proposals; a single proposal may be bigger.
	forwardBytes = 1 << 20
	// forwardProposalsMax bounds the proposals of one frame.
	forwardProposalsMax = 4096
)

// proposalFrames encodes proposals for the leader.
func proposalFrames(all []*Proposal) [][]byte {
	var frames [][]byte
	for len(all) > 0 {
		n, size := 0, 0
		for n < len(all) && n < forwardProposalsMax && (n == 0 || size < forwardBytes) {
			size += all[n].bytes()
			n++
		}
		b := append(make([]byte, 0, size+16*n+16), byte(frameProposals))
		b = juno.AppendUvarint(b, uint64(n))
		for _, p := range all[:n] {
			b = juno.AppendUvarint(b, uint64(len(p.entries)))
			for i := range p.entries {
				b = append(b, byte(p.entries[i].Type))
				b = juno.AppendBytes(b, p.entries[i].Payload)
			}
		}
		frames = append(frames, b)
		all = all[n:]
	}
	return frames
}

// parseProposals reads a frame of proposals. Their payloads alias the frame.
func parseProposals(frame []byte) ([]*Proposal, error) {
	d := juno.NewDecoder(frame[1:])
	var all []*Proposal
	for range d.Count(forwardProposalsMax) {
		p, err := decodeProposal(d)
		if err == nil {
			err = d.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("forwarded proposal %d: %w", len(all)+1, err)
		}
		all = append(all, p)
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("forwarded proposals: %w", err)
	}
	return all, nil
}

func decodeProposal(d *juno.Decoder) (*Proposal, error) {
	n := d.Count(juno.BatchCommandsMax + 1)
	if n == 0 {
		d.Fail("proposal without entries")
	}
	if d.Err() != nil {
		return nil, d.Err()
	}
	kinds, payloads := make([]juno.EntryType, 0, 1), make([][]byte, 0, 1)
	for range n {
		kind, payload := juno.EntryType(d.U8()), d.Bytes(juno.EntryPayloadBytesMax)
		if d.Err() != nil {
			return nil, d.Err()
		}
		kinds, payloads = append(kinds, kind), append(payloads, payload)
	}
	if kinds[0] != juno.EntryBatchHead {
		if n > 1 {
			return nil, fmt.Errorf("%w: %s with %d entries behind it", juno.ErrMalformed, kinds[0],
				n-1)
		}
		return NewProposal(kinds[0], payloads[0])
	}
	for _, k := range kinds[1:] {
		if k != juno.EntryCommand {
			return nil, fmt.Errorf("%w: %s in a batch", juno.ErrMalformed, k)
		}
	}
	return NewBatchProposal(payloads[0], payloads[1:])
}
