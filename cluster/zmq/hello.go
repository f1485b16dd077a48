package zmq

import "juno"

const (
	// protocolVersion is the version of all formats in this package. Nodes of different versions
	// refuse each other's hello and keep trying.
	protocolVersion = 1
	// protocolName follows the version, so that no frame of another program reads as a hello.
	protocolName = "juno"

	// SoftwareBytesMax bounds the name of a program: enough for a name and a version.
	SoftwareBytesMax = 64
	reasonBytesMax   = 256 // a sentence for the operator
	helloBytesMax    = 512 // of a hello or an answer: the sum of their fields, rounded up
)

// purpose is what a connection carries.
type purpose uint8

const (
	purposeUrgent purpose = 1 + iota // a peer's votes and evidence
	purposeBulk                      // a peer's entries and commands
	purposeClient                    // a client's requests and their responses
)

var purposeNames = [...]string{"", "urgent", "bulk", "client"}

// hello is the first frame of the connecting side.
type hello struct {
	purpose  purpose
	cluster  juno.ClusterID
	from     juno.NodeID    // 0 for a client
	to       juno.NodeID    // 0 for any node, which a client sends
	key      juno.PublicKey // the ed25519 key of the connecting side
	software string
}

// appendHello appends: version (1), name (text), purpose (1), cluster (32), from (4), to (4),
// key (32), software (text). Numbers are big-endian; a text is its length as a uvarint, then UTF-8.
func appendHello(b []byte, h *hello) []byte {
	b = juno.AppendText(append(b, protocolVersion), protocolName)
	b = append(append(b, byte(h.purpose)), h.cluster[:]...)
	b = juno.AppendU32(juno.AppendU32(b, uint32(h.from)), uint32(h.to))
	return juno.AppendText(append(b, h.key[:]...), h.software)
}

// parseHello is the inverse of appendHello. Of another version it returns only the number; 0 means
// that there is none.
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
		d.Fail("purpose is %d; expected %d to %d", h.purpose, purposeUrgent, purposeClient)
	case (h.purpose == purposeClient) != (h.from == 0):
		d.Fail("%s connection has node ID %d; expected 0 for clients alone",
			purposeNames[h.purpose], uint32(h.from))
	}
	if err := d.Done(); err != nil {
		return hello{}, version, err
	}
	return h, version, nil
}

// parsePrefix parses the version and the protocol's name, with which every version begins.
func parsePrefix(d *juno.Decoder) (version uint8) {
	version = d.U8()
	if name := d.Text(len(protocolName)); d.Err() == nil && name != protocolName {
		d.Fail("protocol is %q; expected %q", name, protocolName)
	}
	if d.Err() == nil && version == 0 {
		d.Fail("version is 0; expected 1 or more")
	}
	if d.Err() != nil {
		return 0
	}
	return version
}

// answerCode is the listening side's decision on a hello.
type answerCode uint8

const (
	codeOK           answerCode = iota
	codeVersion                 // another protocol version
	codeCluster                 // another cluster
	codeNode                    // the hello is for another node
	codeIdentity                // the key is not the key of the node or client in the hello
	codeTooManyConns            // too many connections of clients
	codeCount
)

// answer is the first frame of the listening side. It may send another one later, to refuse a
// session that it has accepted.
type answer struct {
	code     answerCode
	cluster  juno.ClusterID
	from     juno.NodeID
	software string
	reason   string // for the operator of the connecting side; empty with codeOK
}

// appendAnswer appends: version (1), name (text), code (1), cluster (32), from (4), software
// (text), reason (text).
func appendAnswer(b []byte, a *answer) []byte {
	b = juno.AppendText(append(b, protocolVersion), protocolName)
	b = append(append(b, byte(a.code)), a.cluster[:]...)
	b = juno.AppendU32(b, uint32(a.from))
	return juno.AppendText(juno.AppendText(b, a.software), a.reason)
}

// parseAnswer is the inverse of appendAnswer; the version is as in parseHello.
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
		d.Fail("code is %d; expected less than %d", a.code, codeCount)
	case (a.code == codeOK) != (a.reason == ""):
		d.Fail("code is %d with reason %q; expected no reason with code 0 alone", a.code, a.reason)
	}
	if err := d.Done(); err != nil {
		return answer{}, version, err
	}
	return a, version, nil
}
