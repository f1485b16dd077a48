package juno

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Role says what a key may do.
type Role uint8

// The roles of keys. The numbers are part of the format.
const (
	RoleClient   Role = 1 // submits commands on its own behalf
	RoleOperator Role = 2 // a client that may also issue money and define currencies
	RoleNode     Role = 3 // a node's: votes, results, snapshots
	RoleAdmin    Role = 4 // changes membership, keys and mode
)

var roleNames = [...]string{
	RoleClient: "client", RoleOperator: "operator", RoleNode: "node",
	RoleAdmin: "admin",
}

// String returns "client", "operator", "node" or "admin".
func (r Role) String() string {
	if int(r) < len(roleNames) && roleNames[r] != "" {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// ParseRole reads what Role.String prints.
func ParseRole(s string) (Role, error) {
	if i := slices.Index(roleNames[:], s); i > 0 && s != "" {
		return Role(i), nil
	}
	return 0, fmt.Errorf("role %.40q: want client, operator, node or admin", s)
}

// KeyRecord is one key, whose it is, and the entries it is valid for: the half-open range
// [From, Until) of log indices, where Until 0 means "still valid". A key never comes back: once
// ended it can sign nothing any more, and its id cannot be used again.
type KeyRecord struct {
	ID           KeyID
	Subject      string // a client's name, or a node's ("node3")
	Role         Role
	Public       PublicKey
	From, Until  Index
	IntroducedBy KeyID // the key that registered or rotated it; zero for genesis
	RevokedBy    KeyID // zero while valid
}

// ValidAt reports whether a statement in the entry at index may be signed by the key.
func (r KeyRecord) ValidAt(index Index) bool {
	return r.From <= index && (r.Until == 0 || index < r.Until)
}

// Errors of Keyring.Open and of key changes.
var (
	// ErrUnknownKey: the cluster has never heard of the key.
	ErrUnknownKey = errors.New("unknown key")
	// ErrKeyNotValid: the key is known, but not valid at that index (rotated or revoked).
	ErrKeyNotValid = errors.New("key not valid at this index")
	// ErrBadSignature: the signature is not one of this key over these bytes in this cluster.
	ErrBadSignature = errors.New("bad signature")
	// ErrKeyExists: the key, or another one with its id, is already in the keyring.
	ErrKeyExists = errors.New("key exists already")
)

// Keyring knows which key is valid at which index. It is a fold over the log, so all correct
// nodes hold the same one at the same index, and it can be taken back to an earlier index.
// It is not safe for concurrent use while it changes.
type Keyring struct {
	cluster   ClusterID
	byID      map[KeyID]*KeyRecord
	bySubject map[string][]*KeyRecord // as introduced
	order     []*KeyRecord            // as introduced
	changes   []keyChange             // by at, newest last; undone by TruncateTo
	forgotten Index                   // changes at or below it cannot be undone any more
}

// keyChange is one of two things: a record was added, or one ended.
type keyChange struct {
	at             Index
	added, revoked *KeyRecord
}

// NewKeyring returns a keyring that holds records, in that order.
func NewKeyring(cluster ClusterID, records []KeyRecord) (*Keyring, error) {
	k := &Keyring{
		cluster:   cluster,
		byID:      make(map[KeyID]*KeyRecord, len(records)),
		bySubject: make(map[string][]*KeyRecord, len(records)),
		order:     make([]*KeyRecord, 0, len(records)),
	}
	for _, r := range records {
		if r.ID != r.Public.ID() {
			return nil, fmt.Errorf("keyring: key of %s has id %s, its bytes give %s",
				r.Subject, r.ID, r.Public.ID())
		}
		if _, err := k.insert(r); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *Keyring) insert(r KeyRecord) (*KeyRecord, error) {
	if old := k.byID[r.ID]; old != nil {
		return nil, fmt.Errorf("key %s of %s: %w, as a key of %s", r.ID, r.Subject, ErrKeyExists,
			old.Subject)
	}
	if r.ID == (KeyID{}) {
		// 2^64 hashes find such a key, and formats write "no key" that way.
		return nil, fmt.Errorf("key %s of %s: the id 0 means no key", r.Public, r.Subject)
	}
	record := &r
	k.byID[r.ID] = record
	k.bySubject[r.Subject] = append(k.bySubject[r.Subject], record)
	k.order = append(k.order, record)
	return record, nil
}

// Cluster returns the cluster whose statements the keyring opens.
func (k *Keyring) Cluster() ClusterID { return k.cluster }

// Lookup returns the key with that id, valid or not.
func (k *Keyring) Lookup(id KeyID) (KeyRecord, bool) {
	if r := k.byID[id]; r != nil {
		return *r, true
	}
	return KeyRecord{}, false
}

// Records returns a copy of all keys that ever were in the keyring, in the order they came.
func (k *Keyring) Records() []KeyRecord {
	all := make([]KeyRecord, len(k.order))
	for i, r := range k.order {
		all[i] = *r
	}
	return all
}

// Current returns the keys of a subject that are valid at index, oldest first.
func (k *Keyring) Current(subject string, index Index) []KeyRecord {
	var found []KeyRecord
	for _, r := range k.bySubject[subject] {
		if r.ValidAt(index) {
			found = append(found, *r)
		}
	}
	return found
}

// Signer returns the record of a key if it is valid at index.
func (k *Keyring) Signer(id KeyID, index Index) (KeyRecord, error) {
	r := k.byID[id]
	if r == nil {
		return KeyRecord{}, fmt.Errorf("key %s: %w", id, ErrUnknownKey)
	}
	if !r.ValidAt(index) {
		return *r, fmt.Errorf("key %s of %s, valid [%d,%d): %w: index %d",
			id, r.Subject, r.From, r.Until, ErrKeyNotValid, index)
	}
	return *r, nil
}

// Open checks a statement that is to stand at index, and returns it with its signer.
func (k *Keyring) Open(e Envelope, index Index) (Verified, error) {
	r, err := k.Signer(e.Key, index)
	if err != nil {
		return Verified{}, err
	}
	message := AppendSigningBytes(make([]byte, 0, 64+len(e.Body)), e.Kind, k.cluster, e.Body)
	if !VerifySignature(r.Public, message, e.Signature) {
		return Verified{}, fmt.Errorf("key %s of %s: %w", e.Key, r.Subject, ErrBadSignature)
	}
	return Verified{envelope: e, signer: r}, nil
}

// Opened is one answer of OpenAll: a statement, or why it was refused.
type Opened struct {
	Verified Verified
	Err      error
}

// By returns nil if the statement was opened and is signed by that node, with a node's key.
func (o *Opened) By(node NodeID) error {
	if o.Err != nil {
		return o.Err
	}
	if s := o.Verified.Signer(); s.Role != RoleNode || s.Subject != node.String() {
		return fmt.Errorf("it is signed by %s, a %s", s.Subject, s.Role)
	}
	return nil
}

// OpenAll is Open for many statements at a time, verified as one batch.
func (k *Keyring) OpenAll(all []Envelope, index Index) []Opened {
	return k.OpenAllWith(NewBatchVerifier(len(all)), all, index)
}

// OpenAllWith is OpenAll with an empty batch of the caller's, who keeps it for the next time: it
// remembers the keys it has seen. Several goroutines, each with a batch of its own, may open with
// one keyring that does not change meanwhile.
func (k *Keyring) OpenAllWith(batch *BatchVerifier, all []Envelope, index Index) []Opened {
	opened := make([]Opened, len(all))
	added := make([]int, 0, len(all))
	var message []byte
	for i, e := range all {
		r, err := k.Signer(e.Key, index)
		if err != nil {
			opened[i].Err = err
			continue
		}
		opened[i].Verified = Verified{envelope: e, signer: r}
		message = AppendSigningBytes(message[:0], e.Kind, k.cluster, e.Body)
		batch.Add(r.Public, message, e.Signature)
		added = append(added, i)
	}
	for j, ok := range batch.Verify() {
		if i := added[j]; !ok {
			r := opened[i].Verified.signer
			err := fmt.Errorf("key %s of %s: %w", r.ID, r.Subject, ErrBadSignature)
			opened[i] = Opened{Err: err}
		}
	}
	return opened
}

// Introduce adds a key with effect from the entry after at. ID, From and Until are filled in.
// Changes come in the order of the log; a lower index than the last one's panics.
func (k *Keyring) Introduce(r KeyRecord, at Index) error {
	r.ID, r.From, r.Until = r.Public.ID(), at+1, 0
	record, err := k.insert(r)
	if err != nil {
		return err
	}
	k.record(keyChange{at: at, added: record})
	return nil
}

// record remembers a change that was made, so that it can be undone.
func (k *Keyring) record(c keyChange) {
	newest := k.forgotten
	if n := len(k.changes); n > 0 {
		newest = k.changes[n-1].at
	}
	if c.at < newest {
		panic(fmt.Sprintf("keyring: change at index %d after one at %d", c.at, newest))
	}
	k.changes = append(k.changes, c)
}

// Revoke ends a key with effect from the entry after at. Changes come in the order of the log; a
// lower index than the last one's panics.
func (k *Keyring) Revoke(id, by KeyID, at Index) error {
	r := k.byID[id]
	if r == nil {
		return fmt.Errorf("revoke key %s: %w", id, ErrUnknownKey)
	}
	if r.Until != 0 {
		return fmt.Errorf("revoke key %s of %s: %w: it ended before %d",
			id, r.Subject, ErrKeyNotValid, r.Until)
	}
	r.Until, r.RevokedBy = at+1, by
	k.record(keyChange{at: at, revoked: r})
	return nil
}

// TruncateTo undoes every change that came with an entry above index. It panics below an index
// that was given to Forget: what is committed is never taken back.
func (k *Keyring) TruncateTo(index Index) {
	if index < k.forgotten {
		panic(fmt.Sprintf("keyring: truncate to %d, committed is %d", index, k.forgotten))
	}
	for n := len(k.changes); n > 0 && k.changes[n-1].at > index; n = len(k.changes) {
		c := k.changes[n-1]
		k.changes = k.changes[:n-1]
		if c.revoked != nil {
			c.revoked.Until, c.revoked.RevokedBy = 0, KeyID{}
		}
		if c.added != nil {
			k.remove(c.added)
		}
	}
}

// remove takes away the record that was inserted last.
func (k *Keyring) remove(r *KeyRecord) {
	of := k.bySubject[r.Subject]
	if last := k.order[len(k.order)-1]; last != r || of[len(of)-1] != r {
		panic(fmt.Sprintf("keyring: undo key %s, the last one added is %s", r.ID, last.ID))
	}
	delete(k.byID, r.ID)
	k.order = k.order[:len(k.order)-1]
	if k.bySubject[r.Subject] = of[:len(of)-1]; len(of) == 1 {
		delete(k.bySubject, r.Subject)
	}
}

// Forget drops what would be needed to undo changes at or below index, which is committed.
func (k *Keyring) Forget(index Index) {
	k.forgotten = max(k.forgotten, index)
	n, _ := slices.BinarySearchFunc(k.changes, index+1, func(c keyChange, i Index) int {
		return cmp.Compare(c.at, i)
	})
	k.changes = slices.Delete(k.changes, 0, n)
}

// AppendKeyRecord appends the canonical bytes of r: subject (text), role (1), public key (32),
// from, until (uvarint each), introduced by, revoked by (key id, 8 each). The id is not written:
// the public key gives it.
func AppendKeyRecord(b []byte, r KeyRecord) []byte {
	b = AppendText(b, r.Subject)
	b = append(b, byte(r.Role))
	b = append(b, r.Public[:]...)
	b = AppendUvarint(b, uint64(r.From))
	b = AppendUvarint(b, uint64(r.Until))
	b = append(b, r.IntroducedBy[:]...)
	return append(b, r.RevokedBy[:]...)
}

// KeyRecord reads what AppendKeyRecord wrote.
func (d *Decoder) KeyRecord() (r KeyRecord) {
	r.Subject = d.Name()
	r.Role = Role(d.U8())
	if d.err == nil && (r.Role < RoleClient || r.Role > RoleAdmin) {
		d.fail("unknown role %d", r.Role)
	}
	copy(r.Public[:], d.Fixed(PublicKeyBytes))
	r.From, r.Until = Index(d.Uvarint()), Index(d.Uvarint())
	copy(r.IntroducedBy[:], d.Fixed(KeyIDBytes))
	copy(r.RevokedBy[:], d.Fixed(KeyIDBytes))
	r.ID = r.Public.ID()
	return r
}
