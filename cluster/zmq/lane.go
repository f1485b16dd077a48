package zmq

import "sync"

// Lane orders what waits for a peer: lower goes first.
type Lane uint8

// The lanes. Votes and evidence travel on a connection of their own, apart from entries and
// commands; within each connection the lower lane is emptied first.
const (
	LaneVotes    Lane = iota // small and superseded by newer ones: a full lane drops its oldest
	LaneEvidence             // proofs and accusations
	LaneEntries              // the log, and whoever catches up with it
	LaneCommands             // commands on their way to the leader
	LaneCount                // how many lanes there are
)

var laneNames = [LaneCount]string{"votes", "evidence", "entries", "commands"}

// String returns the lane's name.
func (l Lane) String() string {
	if l < LaneCount {
		return laneNames[l]
	}
	return "no lane"
}

// queue is a first-in-first-out of frames.
type queue struct {
	frames [][]byte // frames[head:] wait
	head   int
	bytes  int // of what waits
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
		// A queue that never runs empty would grow at its end for ever.
		n := copy(q.frames, q.frames[q.head:])
		clear(q.frames[n:])
		q.frames, q.head = q.frames[:n], 0
	}
	return frame
}

// queueKeptMax is how many places an empty queue keeps, 24 bytes each.
const queueKeptMax = 1024

// outbox holds what waits for one connection. Any goroutine pushes, the loop pops.
type outbox struct {
	mu    sync.Mutex
	lanes [LaneCount]queue
	limit [LaneCount]int // bytes
	up    bool           // there is a connection
	known bool           // the loop has this outbox on its list
	drops uint64         // frames refused or pushed out
}

// fits says whether another n bytes may wait in a lane. One frame always may, however long.
func (o *outbox) fits(lane Lane, n int) bool {
	limit := o.limit[lane]
	if !o.up {
		limit = min(limit, downBytesMax)
	}
	q := &o.lanes[lane]
	return q.len() == 0 || (q.bytes+n <= limit && q.len() < laneFramesMax)
}

// push puts a frame in its lane. tell says that the loop does not know of it and must be told.
func (o *outbox) push(lane Lane, frame []byte) (accepted, tell bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.fits(lane, len(frame)) {
		o.drops++
		if lane != LaneVotes {
			return false, false
		}
		o.lanes[lane].pop()
	}
	o.lanes[lane].push(frame)
	tell = o.up && !o.known
	o.known = o.known || tell
	return true, tell
}

// pop takes the most urgent frame. Without one, the loop no longer knows of the outbox.
func (o *outbox) pop() (frame []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.lanes {
		if o.lanes[i].len() > 0 {
			return o.lanes[i].pop(), true
		}
	}
	o.known = false
	return nil, false
}

// connected says that frames can be sent from now on. tell is as in push.
func (o *outbox) connected() (tell bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.up = true
	for i := range o.lanes {
		tell = tell || o.lanes[i].len() > 0
	}
	tell = tell && !o.known
	o.known = o.known || tell
	return tell
}

// disconnected drops what waited for a connection that broke. It has been overtaken by the time
// there is another one, and the protocol above asks again.
func (o *outbox) disconnected() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.up {
		return
	}
	o.up, o.known = false, false
	for i := range o.lanes {
		o.drops += uint64(o.lanes[i].len())
		o.lanes[i] = queue{}
	}
}

// waiting adds what waits to the counts of frames and bytes, and returns how many were dropped.
func (o *outbox) waiting(frames, bytes *[LaneCount]int) (drops uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.lanes {
		frames[i] += o.lanes[i].len()
		bytes[i] += o.lanes[i].bytes
	}
	return o.drops
}
