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
		t.Errorf("popped %q from nothing", frame)
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
		t.Errorf("oldest vote left is %d, want 2: the newest win", first[29])
	}
	if want := uint64(2 * LaneCount); o.dropped != want {
		t.Errorf("%d dropped, want %d", o.dropped, want)
	}
	// One frame is taken however long, or it could never be sent.
	alone := openBox()
	alone.bytesMax = o.bytesMax
	if ok, _ := alone.push(LaneEntries, make([]byte, 1000)); !ok {
		t.Error("a long frame is refused by an empty lane")
	}
	if ok, _ := alone.push(LaneEntries, frame); ok {
		t.Error("a lane of 1000 bytes, at most 100, takes more")
	}
}

func TestLanesForgetWhenDisconnected(t *testing.T) {
	o := &outbox{bytesMax: laneBytesDefault}
	if ok, tell := o.push(LaneEntries, make([]byte, disconnectedBytesMax)); !ok || tell {
		t.Errorf("before the connection: accepted %t, told %t", ok, tell)
	}
	if ok, _ := o.push(LaneEntries, []byte("x")); ok {
		t.Error("more than a little waits for nobody")
	}
	if !o.setConnected() {
		t.Error("the loop is not told of what waited")
	}
	o.setDisconnected()
	if frame, ok := o.pop(); ok {
		t.Errorf("%d bytes outlived their connection", len(frame))
	}
}

// A queue is a list, however it moves things about.
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
