package cluster

import (
	"bytes"
	"encoding/hex"
	"testing"

	"juno"
)

func proposals(t testing.TB) []*Proposal {
	t.Helper()
	key := juno.NewPrivateKey([juno.SeedBytes]byte{7})
	single := juno.Command{Request: 1, Text: "transfer(a->b, 1%1)"}
	single.Sign(key, juno.Hash{1})
	p, err := NewProposal(juno.EntryCommand, single.Payload())
	if err != nil {
		t.Fatal(err)
	}
	head, payloads := juno.SignBatch(key, juno.Hash{1}, 2, make([]juno.Command, 3))
	batch, err := NewBatchProposal(head.Payload(), payloads)
	if err != nil {
		t.Fatal(err)
	}
	return []*Proposal{p, batch}
}

func TestForwardedProposalsComeBack(t *testing.T) {
	all := proposals(t)
	frames := proposalFrames(all)
	if len(frames) != 1 {
		t.Fatalf("%d frames, want 1", len(frames))
	}
	got, err := parseProposals(frames[0])
	if err != nil || len(got) != len(all) {
		t.Fatalf("%d proposals, %v, want %d", len(got), err, len(all))
	}
	for i, p := range got {
		if p.key != all[i].key || p.request != all[i].request ||
			len(p.entries) != len(all[i].entries) {
			t.Errorf("proposal %d: got %+v, want %+v", i, p, all[i])
		}
	}
}

func TestForwardFramesAreCut(t *testing.T) {
	one := proposals(t)[0]
	many := make([]*Proposal, 3*forwardProposalsMax/2)
	for i := range many {
		many[i] = one
	}
	total := 0
	for _, f := range proposalFrames(many) {
		got, err := parseProposals(f)
		if err != nil {
			t.Fatal(err)
		}
		if len(f) > forwardBytes+forwardBytes/2 {
			t.Errorf("a frame of %d bytes", len(f))
		}
		total += len(got)
	}
	if total != len(many) {
		t.Errorf("%d proposals came, want %d", total, len(many))
	}
}

// The bytes of the frames that only package cluster knows.
func TestFrameBytes(t *testing.T) {
	p := &piece{
		index: 3, after: []byte("k"), what: pieceLast,
		elements: []Element{{Key: []byte("l"), Value: []byte("v")}},
	}
	for _, c := range []struct {
		name, want string
		got        []byte
	}{
		{"ask", "03" + "0000000000000003" + "016b", askFrame(3, []byte("k"))},
		{"piece", "04" + "0000000000000003" + "016b" + "01" + "01" + "016c0176", pieceFrame(p)},
		{
			"proposals", "02" + "01" + "01" + "03" + "0161",
			proposalFrames([]*Proposal{{
				entries: []juno.Entry{{Type: 3, Payload: []byte("a")}},
			}})[0],
		},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// FuzzFrames reads anything at all, and wants canonical bytes of whatever is accepted.
func FuzzFrames(f *testing.F) {
	f.Add(proposalFrames(proposals(f))[0])
	f.Add(askFrame(9, []byte("key")))
	f.Add(pieceFrame(&piece{index: 1, elements: []Element{{Key: []byte{1}, Value: nil}}}))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if _, _, ok := laneOfFrame(frame); !ok {
			return
		}
		var again []byte
		switch frameKind(frame[0]) {
		case frameProposals:
			all, err := parseProposals(frame)
			if err != nil || len(all) == 0 {
				return
			}
			for _, part := range proposalFrames(all) {
				if _, err := parseProposals(part); err != nil {
					t.Fatalf("what was written cannot be read: %v", err)
				}
			}
			return
		case frameAsk:
			index, after, err := parseAsk(frame)
			if err != nil {
				return
			}
			again = askFrame(index, after)
		case framePiece:
			p, err := parsePiece(frame)
			if err != nil {
				return
			}
			again = pieceFrame(p)
		default:
			return
		}
		if !bytes.Equal(again, frame) {
			t.Fatalf("accepted %x, which is written as %x", frame, again)
		}
	})
}
