package zmq

import "sync"

// Lane is the priority of a frame. Lower lanes go first.
type Lane uint8

// The lanes. Votes and evidence have a connection of their own, entries and commands another;
// each connection empties its lower lane first.
const (
	LaneVotes    Lane = iota // short, obsolete once newer ones follow: a full lane drops its oldest
	LaneEvidence             // proofs and accusations
	LaneEntries              // the log, and what lets a node catch up
	LaneCommands             // commands for the leader
	LaneCount                // number of lanes
)

var laneNames = [LaneCount]string{"votes", "evidence", "entries", "commands"}

// String returns the lane's name.
func (l Lane) String() string {
	if l < LaneCount {
		return laneNames[l]
	}
	return "no lane"
}

// queue is a FIFO of frames.
type queue struct {
	frames [][]byte // frames[head:] are queued
	head   int
	bytes  int // of the queued frames
}

func (q *queue) len() int { return len(q.frames) - q.head }

func (q *queue) push(frame []byte) {
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
}

func (q *queue) pop() []byte {
	frame := q.frames[q.head]
	q.frames[q.head] = nil
	q.head++
	q.bytes -= len(frame)
	switch {
	case q.head == len(q.frames):
		q.frames, q.head = q.frames[:0], 0
		if cap(q.frames) > queueKeptMax {
			q.frames = nil
		}
	case q.head >= queueKeptMax && q.head > len(q.frames)/2:
		// Without this a queue that never runs empty would grow without bound.
		n := copy(q.frames, q.frames[q.head:])
		clear(q.frames[n:])
		q.frames, q.head = q.frames[:n], 0
	}
	return frame
}

// queueKeptMax is the capacity that an empty queue keeps, in frames: 24 KiB of slice headers.
const queueKeptMax = 1024

// outbox holds the queued frames of one connection. Any goroutine pushes, the loop pops.
type outbox struct {
	mu        sync.Mutex
	lanes     [LaneCount]queue
	bytesMax  [LaneCount]int
	connected bool
	scheduled bool   // the loop will flush the connection
	dropped   uint64 // frames that were refused, dropped or lost
}

// fits reports whether a lane has room for n bytes. An empty lane has room for any frame.
func (o *outbox) fits(lane Lane, n int) bool {
	bytesMax := o.bytesMax[lane]
	if !o.connected {
		bytesMax = min(bytesMax, disconnectedBytesMax)
	}
	q := &o.lanes[lane]
	return q.len() == 0 || (q.bytes+n <= bytesMax && q.len() < laneFramesMax)
}

// push queues a frame. If mustSchedule is true, the caller schedules the connection.
func (o *outbox) push(lane Lane, frame []byte) (accepted, mustSchedule bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.fits(lane, len(frame)) {
		o.dropped++
		if lane != LaneVotes {
			return false, false
		}
		o.lanes[lane].pop()
	}
	o.lanes[lane].push(frame)
	mustSchedule = o.connected && !o.scheduled
	o.scheduled = o.scheduled || mustSchedule
	return true, mustSchedule
}

// pop removes the first frame of the lowest lane. Without one the outbox is no longer scheduled.
func (o *outbox) pop() (frame []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.lanes {
		if o.lanes[i].len() > 0 {
			return o.lanes[i].pop(), true
		}
	}
	o.scheduled = false
	return nil, false
}

// setConnected lifts the limits of a disconnected outbox. mustSchedule is as in push.
func (o *outbox) setConnected() (mustSchedule bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.connected = true
	for i := range o.lanes {
		mustSchedule = mustSchedule || o.lanes[i].len() > 0
	}
	mustSchedule = mustSchedule && !o.scheduled
	o.scheduled = o.scheduled || mustSchedule
	return mustSchedule
}

// setDisconnected drops the frames queued for a connection that broke. They will be obsolete when
// the next connection is up, and the protocol above repeats what it needs.
func (o *outbox) setDisconnected() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.connected {
		return
	}
	o.connected, o.scheduled = false, false
	for i := range o.lanes {
		o.dropped += uint64(o.lanes[i].len())
		o.lanes[i] = queue{}
	}
}

// addCounts adds the queued frames and bytes of each lane, and returns the dropped frames.
func (o *outbox) addCounts(frames, bytes *[LaneCount]int) (dropped uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.lanes {
		frames[i] += o.lanes[i].len()
		bytes[i] += o.lanes[i].bytes
	}
	return o.dropped
}
