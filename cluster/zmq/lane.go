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
	mu        sync.Mutex
	lanes     [LaneCount]queue
	bytesMax  [LaneCount]int // bytes
	connected bool           // there is a connection
	scheduled bool           // the loop has this outbox on its list
	dropped   uint64         // frames refused or pushed out
}

// fits says whether another n bytes may wait in a lane. One frame always may, however long.
func (o *outbox) fits(lane Lane, n int) bool {
	bytesMax := o.bytesMax[lane]
	if !o.connected {
		bytesMax = min(bytesMax, disconnectedBytesMax)
	}
	q := &o.lanes[lane]
	return q.len() == 0 || (q.bytes+n <= bytesMax && q.len() < laneFramesMax)
}

// push puts a frame in its lane. tell says that the loop does not know of it and must be told.
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

// pop takes the most urgent frame. Without one, the loop no longer knows of the outbox.
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

// connected says that frames can be sent from now on. tell is as in push.
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

// disconnected drops what waited for a connection that broke. It has been overtaken by the time
// there is another one, and the protocol above asks again.
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

// waiting adds what waits to the counts of frames and bytes, and returns how many were dropped.
func (o *outbox) addCounts(frames, bytes *[LaneCount]int) (dropped uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.lanes {
		frames[i] += o.lanes[i].len()
		bytes[i] += o.lanes[i].bytes
	}
	return o.dropped
}
