package juno

// Kind is the kind of a signed statement. It is part of the signed bytes, so that a statement of
// one kind can never be presented as another (docs/SPECIFICATION.md, B9).
type Kind uint8

// The kinds of signed statements. The numbers are part of the format.
const (
	KindCommand    Kind = 1  // a client's single command
	KindBatch      Kind = 2  // a client's BatchHead over many commands
	KindVote       Kind = 3  // a node's Vote (AER)
	KindAppend     Kind = 4  // a leader's AppendEntries header (AE)
	KindTermChange Kind = 5  // a node's wish for a term (RV)
	KindNewTerm    Kind = 6  // a node's signed state for a new term (RVR)
	KindResult     Kind = 7  // a node's signed result of a command (CMDR)
	KindSnapshot   Kind = 8  // a node's snapshot manifest or checkpoint (CKPT)
	KindConfig     Kind = 9  // an administrator's approval of a membership
	KindKeyOp      Kind = 10 // a change of a client key
	KindMode       Kind = 11 // an administrator's halt or resume
	KindSync       Kind = 12 // a node's request for what it misses (SYNCREQ)
	KindReply      Kind = 13 // a node's answer to that (SYNCRESP)
	KindLeave      Kind = 14 // a node leaves because its history is contradicted (LEAVE)
	KindProof      Kind = 15 // proof of possession of a new key
)

// signingTag begins all signed bytes of Juno; its digit is the version of the whole format.
const signingTag = "juno1"

// AppendSigningBytes appends what is really signed: "juno1" | kind | cluster | body.
func AppendSigningBytes(b []byte, kind Kind, cluster ClusterID, body []byte) []byte {
	b = append(b, signingTag...)
	b = append(b, byte(kind))
	b = append(b, cluster[:]...)
	return append(b, body...)
}

// Envelope is a statement with its signature, not checked yet. The key is named by its id only;
// which public key that is, and whether it was valid at some index, the Keyring knows.
type Envelope struct {
	Kind      Kind
	Key       KeyID
	Body      []byte // canonical bytes of the statement
	Signature Signature
}

// Seal signs a statement.
func Seal(key PrivateKey, cluster ClusterID, kind Kind, body []byte) Envelope {
	message := AppendSigningBytes(make([]byte, 0, 64+len(body)), kind, cluster, body)
	return Envelope{Kind: kind, Key: key.Public().ID(), Body: body, Signature: key.Sign(message)}
}

// Verified is a statement whose signature was checked, and who made it. Only a Keyring makes one;
// it has no encoding, so trust cannot arrive from outside. The zero Verified is of nobody.
type Verified struct {
	envelope Envelope
	signer   KeyRecord
}

// Kind returns the kind of the statement.
func (v Verified) Kind() Kind { return v.envelope.Kind }

// Body returns the canonical bytes of the statement. The caller must not change them.
func (v Verified) Body() []byte { return v.envelope.Body }

// Signer returns the key that signed and whose it is.
func (v Verified) Signer() KeyRecord { return v.signer }

// Envelope returns the statement with its signature, as evidence for others.
func (v Verified) Envelope() Envelope { return v.envelope }
