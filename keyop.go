package juno

import "fmt"

// KeyAction says what a KeyOp does.
type KeyAction uint8

// The changes of client keys. The numbers are part of the format.
const (
	KeyRegister KeyAction = 1 // an operator introduces a client and its first key
	KeyRotate   KeyAction = 2 // a client's key introduces the next one and ends itself
	KeyRevoke   KeyAction = 3 // a client's own key, or an operator's, ends a key
)

// String returns "register", "rotate" or "revoke".
func (a KeyAction) String() string {
	switch a {
	case KeyRegister:
		return "register"
	case KeyRotate:
		return "rotate"
	case KeyRevoke:
		return "revoke"
	}
	return fmt.Sprintf("key-action(%d)", uint8(a))
}

// KeyOp changes the keyring, with effect from the entry after its own. It has a request id of its
// signer like a command, so that it cannot be replayed.
//
// Canonical bytes, the payload of an entry of type EntryKeyOp: version (1), action (1), key id of
// the signer (8), request id (uvarint), subject (text), role (1), new public key (32, zero for a
// revocation), key id that ends (8, zero for a registration), proof of possession (64: the new
// key's signature over all before it, zero for a revocation), signature of the signer (64: over
// all before it).
type KeyOp struct {
	Action    KeyAction
	Key       KeyID // who signs
	Request   RequestID
	Subject   string // the client whose key it is
	Role      Role
	Public    PublicKey // the new key
	Ends      KeyID     // the key that ends
	Possessed Signature
	Signature Signature
}

const keyOpVersion = 1

func (o *KeyOp) body() []byte {
	b := append(make([]byte, 0, 320), keyOpVersion, byte(o.Action))
	b = AppendUvarint(append(b, o.Key[:]...), uint64(o.Request))
	b = append(AppendText(b, o.Subject), byte(o.Role))
	b = append(b, o.Public[:]...)
	return append(b, o.Ends[:]...)
}

// Sign fills in the signer's key id and both signatures. newKey is nil for a revocation.
func (o *KeyOp) Sign(signer PrivateKey, newKey *PrivateKey, cluster ClusterID) {
	o.Key = signer.Public().ID()
	o.Public, o.Possessed = PublicKey{}, Signature{}
	if newKey != nil {
		o.Public = newKey.Public()
		o.Possessed = Seal(*newKey, cluster, KindProof, o.body()).Signature
	}
	o.Signature = Seal(signer, cluster, KindKeyOp, o.signedBody()).Signature
}

func (o *KeyOp) signedBody() []byte { return append(o.body(), o.Possessed[:]...) }

// Payload returns the canonical bytes.
func (o *KeyOp) Payload() []byte { return append(o.signedBody(), o.Signature[:]...) }

// Envelope returns the change as a statement to be opened by a Keyring.
func (o *KeyOp) Envelope() Envelope {
	return Envelope{Kind: KindKeyOp, Key: o.Key, Body: o.signedBody(), Signature: o.Signature}
}

// ParseKeyOp reads the payload of an entry of type EntryKeyOp.
func ParseKeyOp(payload []byte) (KeyOp, error) {
	d := NewDecoder(payload)
	d.Version(keyOpVersion, "key change")
	o := KeyOp{Action: KeyAction(d.U8())}
	copy(o.Key[:], d.Fixed(KeyIDBytes))
	o.Request, o.Subject, o.Role = RequestID(d.Uvarint()), d.Name(), Role(d.U8())
	copy(o.Public[:], d.Fixed(PublicKeyBytes))
	copy(o.Ends[:], d.Fixed(KeyIDBytes))
	copy(o.Possessed[:], d.Fixed(SignatureBytes))
	copy(o.Signature[:], d.Fixed(SignatureBytes))
	registers, ends := o.Action != KeyRevoke, o.Action != KeyRegister
	switch {
	case o.Action < KeyRegister || o.Action > KeyRevoke:
		d.Fail("unknown key action %d", o.Action)
	case o.Request == 0:
		d.Fail("request id 0")
	case o.Role != RoleClient && o.Role != RoleOperator:
		d.Fail("key change to role %s", o.Role)
	case registers == (o.Public == PublicKey{}) || registers == (o.Possessed == Signature{}):
		d.Fail("%s with or without a new key", o.Action)
	case ends == (o.Ends == KeyID{}):
		d.Fail("%s with or without a key that ends", o.Action)
	}
	if err := d.Done(); err != nil {
		return KeyOp{}, fmt.Errorf("key change: %w", err)
	}
	return o, nil
}

// Verify checks a key change that is to stand at index against the keyring before it: both
// signatures, and that the signer may do this. It changes nothing; Apply does.
func (o *KeyOp) Verify(ring *Keyring, index Index) (Verified, error) {
	v, err := ring.Open(o.Envelope(), index)
	if err != nil {
		return Verified{}, err
	}
	signer := v.Signer()
	old, known := ring.Lookup(o.Ends)
	switch {
	case o.Action == KeyRegister && signer.Role != RoleOperator:
		return v, fmt.Errorf("register %s: %s is no operator", o.Subject, signer.Subject)
	case o.Action == KeyRegister && len(ring.Current(o.Subject, index)) > 0:
		return v, fmt.Errorf("register %s: %w; rotate it instead", o.Subject, ErrKeyExists)
	case o.Action != KeyRegister && (!known || old.Subject != o.Subject || !old.ValidAt(index)):
		return v, fmt.Errorf("%s key %s of %s: %w", o.Action, o.Ends, o.Subject, ErrKeyNotValid)
	case o.Action == KeyRotate && (signer.ID != o.Ends || signer.Role != o.Role):
		return v, fmt.Errorf("rotate key %s: only that key itself can, to its own role", o.Ends)
	case o.Action == KeyRevoke && signer.Subject != o.Subject && signer.Role != RoleOperator:
		return v, fmt.Errorf("revoke key of %s: %s is neither that nor an operator",
			o.Subject, signer.Subject)
	}
	if o.Action == KeyRevoke {
		return v, nil
	}
	if err := o.Public.Check(); err != nil {
		return v, fmt.Errorf("%s %s: %w", o.Action, o.Subject, err)
	}
	if _, taken := ring.Lookup(o.Public.ID()); taken {
		return v, fmt.Errorf("%s %s: key %s: %w", o.Action, o.Subject, o.Public.ID(), ErrKeyExists)
	}
	message := AppendSigningBytes(nil, KindProof, ring.Cluster(), o.body())
	if !VerifySignature(o.Public, message, o.Possessed) {
		return v, fmt.Errorf("%s %s: proof of possession: %w", o.Action, o.Subject, ErrBadSignature)
	}
	return v, nil
}

// Apply makes the change, which Judge allowed at the same index.
func (o *KeyOp) Apply(ring *Keyring, index Index) error {
	if o.Action != KeyRegister {
		if err := ring.Revoke(o.Ends, o.Key, index); err != nil {
			return err
		}
	}
	if o.Action == KeyRevoke {
		return nil
	}
	return ring.Introduce(KeyRecord{
		Subject: o.Subject, Role: o.Role, Public: o.Public,
		IntroducedBy: o.Key,
	}, index)
}
