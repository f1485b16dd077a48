package consensus

import (
	"fmt"

	"juno"
)

// headersRecord keeps the headers of what is accepted and not final, so that a node can still show
// them after a restart. Nobody waits for it: without it the leader, or another node, has to.
//
// Canonical bytes: version (1), headers (count, then each with its signature).
func headersRecord(headers []AppendHeader, at juno.Index) juno.Record {
	b := juno.AppendUvarint([]byte{recordVersion}, uint64(len(headers)))
	for i := range headers {
		b = headers[i].appendTo(b)
	}
	return juno.Record{Kind: juno.RecordHeaders, Index: at, Bytes: b}
}

// ParseHeaders reads the bytes of a juno.RecordHeaders.
func ParseHeaders(b []byte) ([]AppendHeader, error) {
	d := juno.NewDecoder(b)
	d.Version(recordVersion, "headers")
	var headers []AppendHeader
	for range d.Count(headersMax) {
		if d.Err() != nil {
			break
		}
		headers = append(headers, decodeAppendHeader(d))
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	return headers, nil
}
