package cluster

import (
	"testing"

	"juno"
	"juno/cluster/consensus"
)

// frameOf is a frame of a kind with some content; it need not be well-formed to be kept.
func frameOf(kind consensus.MessageKind, content byte, size int) []byte {
	return append([]byte{byte(frameMessage), 1, byte(kind), content}, make([]byte, size)...)
}

func TestInboxKeepsTheNewestVotes(t *testing.T) {
	b := newInbox()
	for i := range byte(10) {
		b.put(2, frameOf(consensus.KindVote, i, 0))
	}
	b.put(3, frameOf(consensus.KindVote, 77, 0))
	b.put(3, frameOf(consensus.KindTermChange, 78, 0))
	all := b.takeUrgent()
	var got []byte
	for _, a := range all {
		got = append(got, a.frame[3])
	}
	if want := []byte{9, 77, 8, 7, 6, 78}; string(got) != string(want) {
		t.Errorf("got %v, want the newest vote of each, then the older ones, then the rest: %v",
			got, want)
	}
	if n := b.dropped(); n != 6 {
		t.Errorf("%d dropped, want 6", n)
	}
}

func TestInboxIsBoundedForEveryPeerByItself(t *testing.T) {
	b := newInbox()
	const size = inboxBytesMax / 4
	for range 10 {
		b.put(2, frameOf(consensus.KindAppend, 0, size))
	}
	for range 10 * inboxFramesMax {
		b.put(2, askFrame(1, nil))
	}
	b.put(3, frameOf(consensus.KindAppend, 1, size))
	from := map[juno.NodeID]int{}
	bytes := 0
	for all := b.takeBulk(); len(all) > 0; all = b.takeBulk() {
		for _, a := range all {
			from[a.from]++
			bytes += len(a.frame)
		}
	}
	if from[2] > inboxFramesMax || bytes > inboxBytesMax+size+100 {
		t.Errorf("%d frames, %d bytes of one who floods", from[2], bytes)
	}
	if from[3] != 1 {
		t.Errorf("%d frames of the other one, want 1", from[3])
	}
}

func TestInboxDropsWhatIsNoFrame(t *testing.T) {
	b := newInbox()
	for _, f := range [][]byte{nil, {1}, {9, 9, 9, 9}, make([]byte, FrameBytesMax+1)} {
		b.put(2, f)
	}
	if n := b.dropped(); n != 4 {
		t.Errorf("%d dropped, want 4", n)
	}
}

func TestSeenForgetsTheOldest(t *testing.T) {
	s := newSeen()
	name := func(i int) (h juno.Hash) {
		h[0], h[1], h[2] = byte(i), byte(i>>8), byte(i>>16)
		return h
	}
	for i := range 3 * seenMax {
		s.add(name(i))
	}
	if !s.has(name(3*seenMax - 1)) {
		t.Error("the newest was forgotten")
	}
	if !s.has(name(3*seenMax - seenMax)) {
		t.Error("one of the newest window was forgotten")
	}
	if s.has(name(0)) {
		t.Error("the oldest is still known: it does not end")
	}
}
