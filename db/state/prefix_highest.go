package state

import "juno"

// Highest returns the highest request id that a client used, 0 for none: a client that lost count
// goes on from there.
func (p *Prefix) Highest(client string) juno.RequestID {
	if r := p.clients[client]; r != nil {
		return r.window.Highest()
	}
	return 0
}
