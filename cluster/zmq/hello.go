package zmq

import (
	"juno"
)

// protocolVersion is the version of everything in this package. Nodes of different versions do
// not speak with each other; they say so and keep trying.
const protocolVersion = 1

// protocolName follows the version, so that a frame of another program is not taken for a hello.
const protocolName = "juno"

// SoftwareBytesMax bounds the text that says which program speaks.
const SoftwareBytesMax = 64

const (
	reasonBytesMax = 256
	helloBytesMax  = 512 // of a hello or an answer, with room
)

// purpose says what a connection is for.
type purpose uint8

const (
	purposeUrgent purpose = 1 + iota // a peer's votes and evidence
	purposeBulk                      // a peer's entries and commands
	purposeClient                    // a client's requests, and what comes back
)

var purposeNames = [...]string{"", "urgent", "bulk", "client"}

// hello is the first frame of whoever connected.
type hello struct {
	purpose  purpose
	cluster  juno.ClusterID
	from     juno.NodeID    // 0 for a client
	to       juno.NodeID    // who is meant; 0 for "whoever has the key", which a client says
	key      juno.PublicKey // the caller's ed25519 key
	software string
}

// appendHello appends: version (1), name (text), purpose (1), cluster (32), from (4), to (4),
// key (32), software (text). Numbers are big-endian, a text is its length as uvarint and UTF-8.
func appendHello(b []byte, h *hello) []byte {
	b = juno.AppendText(append(b, protocolVersion), protocolName)
	b = append(append(b, byte(h.purpose)), h.cluster[:]...)
	b = juno.AppendU32(juno.AppendU32(b, uint32(h.from)), uint32(h.to))
	return juno.AppendText(append(b, h.key[:]...), h.software)
}

// parseHello reads what appendHello wrote. The version is returned even when the rest of another
// version cannot be understood; 0 is none.
func parseHello(b []byte) (h hello, version uint8, err error) {
	d := juno.NewDecoder(b)
	version = parsePrefix(d)
	if version != protocolVersion {
		return hello{}, version, d.Err()
	}
	h.purpose = purpose(d.U8())
	h.cluster = d.Hash()
	h.from, h.to = juno.NodeID(d.U32()), juno.NodeID(d.U32())
	copy(h.key[:], d.Fixed(juno.PublicKeyBytes))
	h.software = d.Text(SoftwareBytesMax)
	switch {
	case d.Err() != nil:
	case h.purpose < purposeUrgent || h.purpose > purposeClient:
		d.Fail("purpose %d", h.purpose)
	case (h.purpose == purposeClient) != (h.from == 0):
		d.Fail("%s connection from %s", purposeNames[h.purpose], h.from)
	}
	if err := d.Done(); err != nil {
		return hello{}, version, err
	}
	return h, version, nil
}

// parseOpening reads the version and the protocol's name, which every version begins with.
func parsePrefix(d *juno.Decoder) (version uint8) {
	version = d.U8()
	if name := d.Text(len(protocolName)); d.Err() == nil && name != protocolName {
		d.Fail("protocol %q, want %q", name, protocolName)
	}
	if d.Err() == nil && version == 0 {
		d.Fail("version 0")
	}
	if d.Err() != nil {
		return 0
	}
	return version
}

// verdict is what a node says to a hello.
type answerCode uint8

const (
	codeWelcome  answerCode = iota
	codeVersion             // another protocol version
	codeCluster             // another cluster
	codeNode                // the caller wanted another node
	codeIdentity            // the key is not that of the node or client it claims
	codeFull                // too many connections
	codeCount
)

// answer is the first frame back.
type answer struct {
	code     answerCode
	cluster  juno.ClusterID
	from     juno.NodeID
	software string
	reason   string // for the operator of the caller; empty with a welcome
}

// appendAnswer appends: version (1), name (text), verdict (1), cluster (32), from (4), software
// (text), reason (text).
func appendAnswer(b []byte, a *answer) []byte {
	b = juno.AppendText(append(b, protocolVersion), protocolName)
	b = append(append(b, byte(a.code)), a.cluster[:]...)
	b = juno.AppendU32(b, uint32(a.from))
	return juno.AppendText(juno.AppendText(b, a.software), a.reason)
}

// parseAnswer reads what appendAnswer wrote; the version is as in parseHello.
func parseAnswer(b []byte) (a answer, version uint8, err error) {
	d := juno.NewDecoder(b)
	version = parsePrefix(d)
	if version != protocolVersion {
		return answer{}, version, d.Err()
	}
	a.code = answerCode(d.U8())
	a.cluster = d.Hash()
	a.from = juno.NodeID(d.U32())
	a.software = d.Text(SoftwareBytesMax)
	a.reason = d.Text(reasonBytesMax)
	switch {
	case d.Err() != nil:
	case a.code >= codeCount:
		d.Fail("verdict %d", a.code)
	case (a.code == codeWelcome) != (a.reason == ""):
		d.Fail("verdict %d with reason %q", a.code, a.reason)
	}
	if err := d.Done(); err != nil {
		return answer{}, version, err
	}
	return a, version, nil
}
