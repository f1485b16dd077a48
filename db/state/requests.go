package state

import "juno"

// Places of request ids are kept in chunks, so that a client with few requests takes little room.
const (
	chunkRequests = 64
	chunks        = WindowRequests / chunkRequests
)

// requests is what a Prefix knows of one client's requests: which ids are used, and where.
type requests struct {
	window Window
	// places[i][j] is the entry of the newest known request whose id modulo WindowRequests is
	// i*chunkRequests+j, 0 if none is known. Whether it is the one that is asked for, the window
	// says: no two ids inside of it share a place.
	places [chunks]*[chunkRequests]juno.Index
}

// at returns what stands in the place of a request id.
func (r *requests) at(id juno.RequestID) juno.Index {
	chunk := r.places[id%WindowRequests/chunkRequests]
	if chunk == nil {
		return 0
	}
	return chunk[id%chunkRequests]
}

func (r *requests) set(id juno.RequestID, index juno.Index) {
	chunk := &r.places[id%WindowRequests/chunkRequests]
	if *chunk == nil {
		*chunk = new([chunkRequests]juno.Index)
	}
	(*chunk)[id%chunkRequests] = index
}
