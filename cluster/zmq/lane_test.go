package zmq

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func openBox() *outbox {
	o := &outbox{bytesMax: laneBytesDefault}
	o.setConnected()
	return o
}

func TestLowerLaneGoesFirst(t *testing.T) {
	o := openBox()
	for i := range 3 {
		for lane := LaneCount; lane > 0; lane-- {
			o.push(lane-1, fmt.Appendf(nil, "%s %d", lane-1, i))
		}
	}
	for lane := range LaneCount {
		for i := range 3 {
			frame, ok := o.pop()
			if want := fmt.Sprintf("%s %d", lane, i); !ok || string(frame) != want {
				t.Fatalf("popped %q, want %q", frame, want)
			}
		}
	}
	if frame, ok := o.pop(); ok {
		t.Errorf("popped %q from an empty outbox", frame)
	}
}

func TestFullLanes(t *testing.T) {
	o := openBox()
	o.bytesMax = [LaneCount]int{100, 100, 100, 100}
	frame := make([]byte, 30)
	for lane := range LaneCount {
		for i := range 5 {
			want := i < 3 || lane == LaneVotes
			if got, _ := o.push(lane, append(frame[:29:29], byte(i))); got != want {
				t.Errorf("%s: frame %d accepted %t, want %t", lane, i, got, want)
			}
		}
	}
	if first, _ := o.pop(); first[29] != 2 {
		t.Errorf("oldest vote left is %d, want 2: the lane drops its oldest", first[29])
	}
	if want := uint64(2 * LaneCount); o.dropped != want {
		t.Errorf("dropped %d, want %d", o.dropped, want)
	}
	// An empty lane accepts any frame; otherwise a long one could never be sent.
	alone := openBox()
	alone.bytesMax = o.bytesMax
	if ok, _ := alone.push(LaneEntries, make([]byte, 1000)); !ok {
		t.Error("long frame in an empty lane: refused, want accepted")
	}
	if ok, _ := alone.push(LaneEntries, frame); ok {
		t.Error("frame in a lane with 1000 bytes of at most 100: accepted, want refused")
	}
}

func TestDisconnectDropsFrames(t *testing.T) {
	o := &outbox{bytesMax: laneBytesDefault}
	if ok, mustSchedule := o.push(
		LaneEntries, make([]byte, disconnectedBytesMax),
	); !ok || mustSchedule {
		t.Errorf("before the connection: accepted %t, scheduled %t; want true, false",
			ok, mustSchedule)
	}
	if ok, _ := o.push(LaneEntries, []byte("x")); ok {
		t.Errorf("accepted a frame beyond %d bytes without a connection", disconnectedBytesMax)
	}
	if !o.setConnected() {
		t.Error("connected with a queued frame: not scheduled")
	}
	o.setDisconnected()
	if frame, ok := o.pop(); ok {
		t.Errorf("disconnected: popped a frame of %d bytes, want none", len(frame))
	}
}

// A queue behaves like a list, although it reuses and moves its memory.
func TestQueueIsFIFO(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var want []string
		bytes, serial := 0, 0
		for range rapid.IntRange(1, 20).Draw(t, "runs") {
			for range rapid.IntRange(0, 1500).Draw(t, "pushes") {
				frame := fmt.Sprint(serial)
				serial++
				q.push([]byte(frame))
				want, bytes = append(want, frame), bytes+len(frame)
			}
			for range min(len(want), rapid.IntRange(0, 1500).Draw(t, "pops")) {
				if got := string(q.pop()); got != want[0] {
					t.Fatalf("popped %s, want %s", got, want[0])
				}
				bytes -= len(want[0])
				want = want[1:]
			}
			if q.len() != len(want) || q.bytes != bytes {
				t.Fatalf("%d frames of %d bytes, want %d of %d", q.len(), q.bytes, len(want), bytes)
			}
		}
	})
}
