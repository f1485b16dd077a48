package cluster

import (
	"fmt"
	"sync"

	"juno"
)

// Switch connects nodes of one process, for tests, examples and benchmarks. Its links can be cut.
type Switch struct {
	mu    sync.RWMutex
	ports map[juno.NodeID]*port
	cut   map[[2]juno.NodeID]bool
}

// port is a node's end of the switch. It implements Transport.
type port struct {
	of     *Switch
	config TransportConfig
}

// NewSwitch returns a switch without nodes.
func NewSwitch() *Switch {
	return &Switch{
		ports: make(map[juno.NodeID]*port), cut: make(map[[2]juno.NodeID]bool),
	}
}

// Connect is a Connector. A node that was connected before is replaced.
func (s *Switch) Connect(cfg TransportConfig) (Transport, error) {
	if cfg.ID == 0 || cfg.Deliver == nil {
		return nil, fmt.Errorf("connect %s: want an id and Deliver", cfg.ID)
	}
	p := &port{of: s, config: cfg}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports[cfg.ID] = p
	return p, nil
}

// Cut cuts the link between two nodes, in both directions.
func (s *Switch) Cut(a, b juno.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut[[2]juno.NodeID{a, b}], s.cut[[2]juno.NodeID{b, a}] = true, true
}

// Isolate cuts the links of a node to all nodes that are connected now.
func (s *Switch) Isolate(id juno.NodeID) {
	s.mu.RLock()
	others := make([]juno.NodeID, 0, len(s.ports))
	for other := range s.ports {
		others = append(others, other)
	}
	s.mu.RUnlock()
	for _, other := range others {
		s.Cut(id, other)
	}
}

// Heal restores all links.
func (s *Switch) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cut)
}

// Send implements Transport. It delivers at once: the receiver must not block.
func (p *port) Send(to juno.NodeID, _ Lane, frame []byte) bool {
	s := p.of
	s.mu.RLock()
	peer := s.ports[to]
	lost := peer == nil || s.ports[p.config.ID] != p || s.cut[[2]juno.NodeID{p.config.ID, to}]
	s.mu.RUnlock()
	if lost {
		return false
	}
	peer.config.Deliver(p.config.ID, frame)
	return true
}

// SetMembers implements Transport. Every connected node is a member.
func (p *port) SetMembers(*juno.EpochConfig) {}

// Close implements Transport.
func (p *port) Close() error {
	s := p.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ports[p.config.ID] == p {
		delete(s.ports, p.config.ID)
	}
	return nil
}
