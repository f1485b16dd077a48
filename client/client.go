package client

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"juno/verify"

	"juno"
)

// Client speaks to a cluster for one client of the ledger. It is safe for concurrent use.
type Client struct {
	cfg     Config
	key     juno.KeyID
	session uint64
	number  atomic.Uint64 // of requests
	wait    sync.WaitGroup
	stop    context.Context
	halt    context.CancelFunc
	wake    chan struct{} // the retrying goroutine has something to do
	queued  chan struct{} // the sending goroutine has; capacity 1

	evidenceMu sync.Mutex
	evidence   []Evidence

	mu      sync.Mutex
	closed  bool
	members *members           // nil until the genesis is known
	epochs  []juno.EpochChange // that have led to it; epochs[k] ended epoch k
	links   map[juno.NodeID]*link
	calls   map[uint64]*call
	changed chan struct{} // closed, and made anew, when anything below or above has changed

	next     juno.RequestID // the next unused number; 0: not known yet
	commands map[juno.RequestID]*command
	settled  []juno.RequestID // in commands, for late answers; oldest first
	units    []*unit          // under way, as they were sent
	queue    []*unit          // those that were not sent yet
	latency  time.Duration    // of commands, usual
	awaited  time.Time        // until when what only the leader has is left in its queue
	reached  time.Time        // when the latest one was sent that the leader alone answered
	head     juno.Head        // the newest that is believed
}

// Open returns a client once the membership is proven, by the genesis in the configuration or by
// a node. What the nodes say goes on arriving until Close.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	c := &Client{
		cfg: cfg, key: cfg.Key.Public().ID(), session: cfg.Session,
		wake: make(chan struct{}, 1), queued: make(chan struct{}, 1),
		links: make(map[juno.NodeID]*link),
		calls: make(map[uint64]*call), changed: make(chan struct{}),
		commands: make(map[juno.RequestID]*command), latency: latencyFirst,
	}
	for c.session == 0 {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, err
		}
		c.session = binary.BigEndian.Uint64(b[:])
	}
	c.stop, c.halt = context.WithCancel(context.Background())
	if err := c.dialFirst(); err != nil {
		c.Close()
		return nil, err
	}
	c.wait.Go(c.keepAlive)
	c.wait.Go(c.retry)
	c.wait.Go(c.sendQueued)
	if err := c.await(ctx, func() bool { return c.members != nil }); err != nil {
		c.Close()
		return nil, fmt.Errorf("no node has shown the genesis of ledger %s: %w", cfg.Cluster, err)
	}
	return c, nil
}

func (c *Client) dialFirst() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	named := make(map[juno.NodeID]bool)
	for _, n := range c.cfg.Nodes {
		if named[n.ID] {
			return fmt.Errorf("%s is named twice", n.ID)
		}
		named[n.ID] = true
	}
	if g := c.cfg.Genesis; g != nil {
		all, err := verify.FromGenesis(g, c.cfg.Cluster)
		if err == nil {
			err = all.ExtendAll(c.cfg.Epochs)
		}
		if err != nil {
			return err
		}
		c.members, c.epochs = newMembers(all), slices.Clone(c.cfg.Epochs)
		c.relink()
		return nil
	}
	for _, n := range c.cfg.Nodes {
		if err := c.open(n); err != nil {
			return fmt.Errorf("%s at %s: %w", n.ID, n.Address, err)
		}
	}
	return nil
}

// Close ends the client. Commands that are under way become unknown.
func (c *Client) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	links := c.links
	c.links = nil
	c.abandon()
	c.announce()
	c.mu.Unlock()
	c.halt()
	for _, l := range links {
		l.conn.Close()
	}
	c.wait.Wait()
}

// spawn runs f, which ends soon after Close has begun, in a goroutine that Close waits for.
func (c *Client) spawn(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		go f() // Close may be past its waiting
		return
	}
	c.wait.Go(f)
}

// announce wakes all who wait for a change. The caller holds mu.
func (c *Client) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until ready is true, which is called with mu held.
func (c *Client) await(ctx context.Context, ready func() bool) error {
	for {
		c.mu.Lock()
		ok, closed, changed := ready(), c.closed, c.changed
		c.mu.Unlock()
		switch {
		case ok:
			return nil
		case closed:
			return ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keepAlive says hello to all nodes from time to time.
func (c *Client) keepAlive() {
	tick := time.NewTicker(helloEvery)
	defer tick.Stop()
	for {
		c.helloAll()
		select {
		case <-tick.C:
		case <-c.stop.Done():
			return
		}
		c.mu.Lock()
		var gone []*link
		if c.members != nil && !c.closed {
			gone = c.relink()
		}
		c.mu.Unlock()
		for _, l := range gone {
			l.conn.Close()
		}
	}
}

func (c *Client) helloAll() {
	for _, l := range c.all() {
		c.hello(l)
	}
}

// all returns the links of all nodes.
func (c *Client) all() []*link {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*link, 0, len(c.links))
	for _, l := range c.links {
		all = append(all, l)
	}
	return all
}

// voters returns the links of the voters. The caller holds mu.
func (c *Client) voters() []*link {
	if c.members == nil {
		return nil
	}
	all := make([]*link, 0, len(c.links))
	for _, v := range c.members.config.Voters {
		if l := c.links[v.ID]; l != nil {
			all = append(all, l)
		}
	}
	return all
}

// Cluster returns the ledger's id.
func (c *Client) Cluster() juno.ClusterID { return c.cfg.Cluster }

// KeyID returns the key that signs.
func (c *Client) KeyID() juno.KeyID { return c.key }

// Name returns whose key that is, as f+1 voters say; empty if it is nobody's, or not known yet.
func (c *Client) Name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := make(map[string]int)
	for _, l := range c.voters() {
		if l.info == nil || l.info.Client == "" {
			continue
		}
		if said[l.info.Client]++; said[l.info.Client] >= c.members.CorrectMin() {
			return l.info.Client
		}
	}
	return ""
}

// Head returns the newest entry that an answer which is believed has named. It does not wait.
func (c *Client) Head() juno.Head {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.head
}

// Leader returns whom the voters take for the leader; 0 if the members are not known.
func (c *Client) Leader() juno.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members == nil {
		return 0
	}
	return c.leader()
}
