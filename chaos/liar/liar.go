package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
)

// lying puts a liar between a node and its transport.
func lying(connect cluster.Connector) cluster.Connector {
	return func(config cluster.TransportConfig) (cluster.Transport, error) {
		l := &liar{
			link: config, config: config.Config, rng: rand.New(rand.NewPCG(1, 1)),
			stop: make(chan struct{}), done: make(map[string]int),
		}
		deliver := config.Deliver
		config.Deliver = func(from juno.NodeID, frame []byte) {
			l.remember(frame)
			deliver(from, frame)
		}
		honest, err := connect(config)
		if err != nil {
			return nil, err
		}
		l.honest = honest
		l.group.Go(l.misbehave)
		return l, nil
	}
}

const (
	frameMessage = 1   // cluster's first byte of a frame with a message of the consensus
	memoryFrames = 256 // to be replayed
	floodFrames  = 3000
)

// liar is a transport that says other things than it was told to.
type liar struct {
	honest cluster.Transport
	link   cluster.TransportConfig
	stop   chan struct{}
	group  sync.WaitGroup

	mu     sync.Mutex
	config *juno.EpochConfig
	rng    *rand.Rand
	silent bool
	memory [][]byte
	done   map[string]int
}

// SetMembers implements cluster.Transport.
func (l *liar) SetMembers(config *juno.EpochConfig) {
	l.mu.Lock()
	l.config = config
	l.mu.Unlock()
	l.honest.SetMembers(config)
}

// Close implements cluster.Transport.
func (l *liar) Close() error {
	close(l.stop)
	l.group.Wait()
	return l.honest.Close()
}

// Send implements cluster.Transport.
func (l *liar) Send(to juno.NodeID, lane cluster.Lane, frame []byte) bool {
	l.remember(frame)
	l.mu.Lock()
	silent := l.silent
	l.mu.Unlock()
	if silent {
		return true
	}
	for _, other := range l.lies(to, frame) {
		l.honest.Send(to, lane, other)
		if l.draw(2) == 0 { // instead of the truth, not only beside it
			return true
		}
	}
	return l.honest.Send(to, lane, frame)
}

func (l *liar) remember(frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.memory) == memoryFrames {
		l.memory[l.rng.IntN(memoryFrames)] = frame
		return
	}
	l.memory = append(l.memory, frame)
}

func (l *liar) draw(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.IntN(n)
}

func (l *liar) count(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[what]++
}

// Sign implements consensus.Signer with the node's own key.
func (l *liar) Sign(kind juno.Kind, body []byte) (juno.KeyID, juno.Signature) {
	l.mu.Lock()
	me, _, _ := l.config.Member(l.link.ID)
	l.mu.Unlock()
	key, ok := l.link.Secret(me.Public)
	if !ok {
		key = l.link.Keys()[0]
	}
	e := juno.Seal(key, l.link.Cluster, kind, body)
	return e.Key, e.Signature
}

// lies returns what else the node says to some in the place of a frame.
func (l *liar) lies(to juno.NodeID, frame []byte) [][]byte {
	if len(frame) < 2 || frame[0] != frameMessage || l.draw(8) > 0 {
		return nil
	}
	m, err := consensus.Decode(frame[1:])
	if err != nil {
		return nil
	}
	switch m := m.(type) {
	case *consensus.Append:
		if to%2 == 0 && m.Leader == l.link.ID {
			return l.secondChain(m)
		}
	case *consensus.Vote:
		if m.Node == l.link.ID {
			return l.falseVotes(m)
		}
	}
	return nil
}

// secondChain is other entries at the same places: the last one is later by a millisecond.
func (l *liar) secondChain(m *consensus.Append) [][]byte {
	if len(m.Entries) == 0 {
		return nil
	}
	other := &consensus.Append{
		AppendHeader: m.AppendHeader, Election: m.Election,
		Entries: slices.Clone(m.Entries),
	}
	last := &other.Entries[len(other.Entries)-1]
	last.Time++
	hash := other.Prev.Hash
	for i := range other.Entries {
		hash = other.Entries[i].ChainHash(hash)
	}
	other.Last.Hash = hash
	l.count("chains forked")
	return [][]byte{l.signed(other)}
}

// falseVotes are votes for what nobody has: of the same length, or longer, and prepared, too.
func (l *liar) falseVotes(m *consensus.Vote) [][]byte {
	if m.Accepted == nil {
		return nil
	}
	var all [][]byte
	for i := range juno.Index(2) {
		v := &consensus.Vote{SignedVote: m.SignedVote}
		at := *m.Accepted
		at.Index += i * 3
		at.Hash[0] ^= 1
		v.Accepted = &at
		if i == 1 {
			v.Prepared = &at
		}
		all = append(all, l.signed(v))
	}
	l.count("votes forged")
	return all
}

func (l *liar) signed(m consensus.Message) []byte {
	return append([]byte{frameMessage}, consensus.Encode(consensus.Sign(m, l).Message())...)
}

// misbehave does by the clock what no frame asks for.
func (l *liar) misbehave() {
	ticker := time.NewTicker(400 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
		}
		l.mu.Lock()
		l.silent = l.silent && l.rng.IntN(3) > 0 || l.rng.IntN(12) == 0
		if l.silent {
			l.done["stalls"]++
		}
		frames := 4
		if l.rng.IntN(10) == 0 {
			frames = floodFrames
			l.done["floods"]++
		}
		l.mu.Unlock()
		l.replay(frames)
		l.mu.Lock()
		fmt.Fprintln(os.Stderr, "byz:", l.done)
		l.mu.Unlock()
	}
}

// replay sends old frames to everybody, whoever they were of and for, and bytes that are none.
func (l *liar) replay(n int) {
	for range n {
		l.mu.Lock()
		var frame []byte
		if len(l.memory) > 0 {
			frame = slices.Clone(l.memory[l.rng.IntN(len(l.memory))])
		}
		if len(frame) > 0 && l.rng.IntN(4) == 0 {
			frame[l.rng.IntN(len(frame))] ^= 1 << l.rng.IntN(8)
		}
		to := l.config.Voters[l.rng.IntN(len(l.config.Voters))].ID
		lane := cluster.Lane(l.rng.IntN(int(cluster.LaneCommands) + 1))
		l.done["replays"]++
		l.mu.Unlock()
		if to != l.link.ID && len(frame) > 0 {
			l.honest.Send(to, lane, frame)
		}
	}
}
