package juno

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func testRing(t testing.TB) *Keyring {
	t.Helper()
	ring, err := testGenesis(4).Keyring()
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// ringState is all that can be seen of a keyring.
func ringState(k *Keyring) string {
	s := fmt.Sprint(k.Records())
	for _, r := range k.Records() {
		found, ok := k.Lookup(r.ID)
		s += fmt.Sprint(found, ok)
		for _, i := range []Index{0, 1, 5, 10, 20} {
			s += fmt.Sprint(k.Current(r.Subject, i))
		}
	}
	return s
}

// TestKeyringUndo makes changes as a log would, and takes them back to every earlier index: the
// keyring must be the one that it was there.
func TestKeyringUndo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := testGenesis(4)
		ring, err := g.Keyring()
		if err != nil {
			t.Fatal(err)
		}
		at, next := Index(1), 1000
		before := map[Index]string{0: ringState(ring), 1: ringState(ring)}
		for range rapid.IntRange(0, 30).Draw(t, "changes") {
			step := Index(rapid.IntRange(0, 2).Draw(t, "step"))
			for i := range step {
				before[at+i] = ringState(ring)
			}
			at += step
			if rapid.Bool().Draw(t, "introduce") {
				subject := rapid.SampledFrom([]string{"alice", "bob", "carol"}).Draw(t, "subject")
				r := KeyRecord{Subject: subject, Role: RoleClient, Public: testKey(next).Public()}
				if rapid.IntRange(0, 4).Draw(t, "again") > 0 {
					next++
				}
				_ = ring.Introduce(r, at) // refused if the key was introduced before
			} else {
				all := ring.Records()
				_ = ring.Revoke(rapid.SampledFrom(all).Draw(t, "revoked").ID, KeyID{9}, at)
			}
			before[at] = ringState(ring)
		}
		for index := at; ; index-- {
			ring.TruncateTo(index)
			if got, want := ringState(ring), before[index]; got != want {
				t.Fatalf("taken back to %d:\n%s\nit was\n%s", index, got, want)
			}
			if index == 0 {
				break
			}
		}
		if len(ring.changes) != 0 || len(ring.byID) != len(g.Clients) ||
			len(ring.bySubject) != len(g.Clients) {
			t.Fatalf("something is left over: %+v", ring)
		}
	})
}

func TestKeyringValidity(t *testing.T) {
	ring := testRing(t)
	bob := testKey(2)
	id := bob.Public().ID()
	if err := ring.Revoke(id, KeyID{1}, 10); err != nil {
		t.Fatal(err)
	}
	next := testKey(22)
	if err := ring.Introduce(KeyRecord{
		Subject: "bob", Role: RoleClient, Public: next.Public(),
		IntroducedBy: id,
	}, 10); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key   PrivateKey
		index Index
		want  error
	}{
		{bob, 0, ErrKeyNotValid}, // genesis keys begin with entry 1
		{bob, 1, nil},
		{bob, 10, nil}, // the entry that ends it is still signed by it
		{bob, 11, ErrKeyNotValid},
		{next, 10, ErrKeyNotValid},
		{next, 11, nil},
		{next, 1 << 60, nil},
		{testKey(3), 11, ErrUnknownKey},
	} {
		e := Seal(c.key, ring.Cluster(), KindCommand, []byte("body"))
		v, err := ring.Open(e, c.index)
		if !errors.Is(err, c.want) || (c.want == nil && v.Signer().Subject != "bob") {
			t.Errorf("%s at %d: error %v, want %v", c.key, c.index, err, c.want)
		}
		if c.want != nil && v.Signer() != (KeyRecord{}) {
			t.Errorf("%s at %d: refused, and yet verified", c.key, c.index)
		}
	}
	if err := ring.Revoke(id, KeyID{1}, 12); !errors.Is(err, ErrKeyNotValid) {
		t.Errorf("a key that ended is ended again: %v", err)
	}
	if err := ring.Revoke(KeyID{7}, KeyID{1}, 12); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("an unknown key is ended: %v", err)
	}
	if err := ring.Introduce(KeyRecord{Subject: "eve", Public: bob.Public()}, 12); !errors.Is(err,
		ErrKeyExists) {
		t.Errorf("a key that ended comes back: %v", err)
	}
}

// TestOpenAll wants the same answers as of Open, one by one, in any mixture.
func TestOpenAll(t *testing.T) {
	ring := testRing(t)
	alice, bob, cluster := testKey(1), testKey(2), ring.Cluster()
	good := Seal(alice, cluster, KindCommand, []byte("one"))
	otherBody, otherKind, otherKey := good, good, good
	otherBody.Body = []byte("two")
	otherKind.Kind = KindBatch
	otherKey.Key = bob.Public().ID()
	all := []Envelope{
		good, otherBody, otherKind, otherKey,
		Seal(alice, Hash{1}, KindCommand, []byte("another cluster")),
		Seal(bob, cluster, KindBatch, nil),
		Seal(testKey(3), cluster, KindCommand, []byte("nobody")),
	}
	batch := NewBatchVerifier(0)
	for range 2 { // the batch is used again
		for i, o := range ring.OpenAllWith(batch, all, 5) {
			v, err := ring.Open(all[i], 5)
			if fmt.Sprint(o.Err) != fmt.Sprint(err) || o.Verified.Signer() != v.Signer() ||
				o.Verified.Kind() != v.Kind() || string(o.Verified.Body()) != string(v.Body()) {
				t.Errorf("statement %d: together %v, alone %v", i, o.Err, err)
			}
			if want := i == 0 || i == 5; (o.Err == nil) != want {
				t.Errorf("statement %d: error %v", i, o.Err)
			}
		}
	}
	if got := ring.OpenAll(nil, 5); len(got) != 0 {
		t.Errorf("nothing gives %v", got)
	}
}

func TestNewKeyringRefuses(t *testing.T) {
	r := KeyRecord{Subject: "a", Role: RoleClient, Public: testKey(1).Public()}
	if _, err := NewKeyring(Hash{}, []KeyRecord{r}); err == nil {
		t.Error("a record whose id is not its key's is taken")
	}
	r.ID = r.Public.ID()
	if _, err := NewKeyring(Hash{}, []KeyRecord{r, r}); !errors.Is(err, ErrKeyExists) {
		t.Errorf("a key twice: error %v", err)
	}
}

// TestKeyringInvariants wants a keyring that is used against its contract to stop the program.
func TestKeyringInvariants(t *testing.T) {
	for what, f := range map[string]func(*Keyring){
		"a change before the last one": func(k *Keyring) {
			_ = k.Introduce(KeyRecord{Subject: "a", Public: testKey(7).Public()}, 4)
		},
		"undoing what is committed": func(k *Keyring) { k.Forget(5); k.TruncateTo(4) },
		"a change below what is settled": func(k *Keyring) {
			k.Forget(9)
			_ = k.Revoke(testKey(2).Public().ID(), KeyID{}, 8)
		},
	} {
		ring := testRing(t)
		err := ring.Introduce(KeyRecord{Subject: "x", Public: testKey(6).Public()}, 5)
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f(ring)
		}()
	}
}

func TestKeyringForget(t *testing.T) {
	ring := testRing(t)
	for i := range 10 {
		r := KeyRecord{Subject: "x", Role: RoleClient, Public: testKey(100 + i).Public()}
		if err := ring.Introduce(r, Index(i)); err != nil {
			t.Fatal(err)
		}
	}
	ring.Forget(4)
	if n := len(ring.changes); n != 5 {
		t.Errorf("%d changes are kept, want those at 5 to 9", n)
	}
	ring.TruncateTo(4)
	if n := len(ring.Records()); n != 2+5 {
		t.Errorf("%d keys, want 2 of genesis and those of 0 to 4", n)
	}
}

// TestKeyOpTable is who may change which key.
func TestKeyOpTable(t *testing.T) {
	alice, bob, carol := testKey(1), testKey(2), testKey(3) // alice is an operator
	fresh := testKey(30)
	ended := testKey(31)
	for _, c := range []struct {
		name   string
		op     KeyOp
		signer PrivateKey
		key    *PrivateKey
		want   error // errAny for "refused, whatever the words"
	}{
		{"operator registers", KeyOp{Action: KeyRegister, Subject: "dan"}, alice, &fresh, nil},
		{"client registers", KeyOp{Action: KeyRegister, Subject: "dan"}, bob, &fresh, errAny},
		{
			"registers one that is there",
			KeyOp{Action: KeyRegister, Subject: "bob"},
			alice, &fresh,
			ErrKeyExists,
		},
		{
			"registers one whose keys ended",
			KeyOp{Action: KeyRegister, Subject: "ex"},
			alice, &fresh,
			nil,
		},
		{
			"registers a known key",
			KeyOp{Action: KeyRegister, Subject: "dan"},
			alice, &bob,
			ErrKeyExists,
		},
		{
			"registers an ended key",
			KeyOp{Action: KeyRegister, Subject: "dan"},
			alice, &ended,
			ErrKeyExists,
		},
		{
			"stranger registers",
			KeyOp{Action: KeyRegister, Subject: "dan"},
			carol, &fresh,
			ErrUnknownKey,
		},
		{
			"ended key registers",
			KeyOp{Action: KeyRegister, Subject: "dan"},
			ended, &fresh,
			ErrKeyNotValid,
		},
		{
			"registers an operator",
			KeyOp{Action: KeyRegister, Subject: "dan", Role: RoleOperator},
			alice, &fresh, nil,
		},
		{
			"rotates his own",
			KeyOp{Action: KeyRotate, Subject: "bob", Ends: bob.Public().ID()},
			bob,
			&fresh, nil,
		},
		{"operator rotates another's", KeyOp{
			Action: KeyRotate, Subject: "bob",
			Ends: bob.Public().ID(),
		}, alice, &fresh, errAny},
		{"rotates under another name", KeyOp{
			Action: KeyRotate, Subject: "alice",
			Ends: bob.Public().ID(),
		}, bob, &fresh, ErrKeyNotValid},
		{"rotates to a higher role", KeyOp{
			Action: KeyRotate, Subject: "bob", Role: RoleOperator,
			Ends: bob.Public().ID(),
		}, bob, &fresh, errAny},
		{"rotates to his own key", KeyOp{
			Action: KeyRotate, Subject: "bob",
			Ends: bob.Public().ID(),
		}, bob, &bob, ErrKeyExists},
		{
			"revokes his own",
			KeyOp{Action: KeyRevoke, Subject: "bob", Ends: bob.Public().ID()},
			bob,
			nil, nil,
		},
		{"operator revokes another's", KeyOp{
			Action: KeyRevoke, Subject: "bob",
			Ends: bob.Public().ID(),
		}, alice, nil, nil},
		{"client revokes another's", KeyOp{
			Action: KeyRevoke, Subject: "alice",
			Ends: alice.Public().ID(),
		}, bob, nil, errAny},
		{
			"revokes an ended key",
			KeyOp{Action: KeyRevoke, Subject: "ex", Ends: ended.Public().ID()},
			alice, nil, ErrKeyNotValid,
		},
		{
			"revokes an unknown key",
			KeyOp{Action: KeyRevoke, Subject: "bob", Ends: KeyID{7}},
			alice,
			nil, ErrKeyNotValid,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring := testRing(t)
			ex := KeyRecord{Subject: "ex", Role: RoleClient, Public: ended.Public()}
			if err := errors.Join(ring.Introduce(ex, 1),
				ring.Revoke(ended.Public().ID(), alice.Public().ID(), 2)); err != nil {
				t.Fatal(err)
			}
			before := ringState(ring)
			op := c.op
			op.Request = 1
			if op.Role == 0 {
				op.Role = RoleClient
			}
			op.Sign(c.signer, c.key, ring.Cluster())
			parsed, err := ParseKeyOp(op.Payload())
			if err != nil || parsed != op {
				t.Fatalf("the change comes back as %+v, %v", parsed, err)
			}
			_, err = parsed.Verify(ring, 5)
			switch {
			case c.want == nil && err != nil, c.want != nil && err == nil,
				c.want != errAny && !errors.Is(err, c.want):
				t.Fatalf("error %v, want %v", err, c.want)
			case ringState(ring) != before:
				t.Fatal("judging changed the keyring")
			case err != nil:
				return
			}
			applyAndCheck(t, ring, &parsed)
		})
	}
}

var errAny = errors.New("any error")

// applyAndCheck makes a change at index 5 and wants it to take effect at 6.
func applyAndCheck(t *testing.T, ring *Keyring, op *KeyOp) {
	t.Helper()
	before := ringState(ring)
	if err := op.Apply(ring, 5); err != nil {
		t.Fatal(err)
	}
	if op.Action != KeyRegister {
		if _, err := ring.Signer(op.Ends, 6); !errors.Is(err, ErrKeyNotValid) {
			t.Errorf("the key that ended: %v", err)
		}
	}
	if op.Action != KeyRevoke {
		r, err := ring.Signer(op.Public.ID(), 6)
		if err != nil || r.Subject != op.Subject || r.Role != op.Role || r.IntroducedBy != op.Key {
			t.Errorf("the new key: %+v, %v", r, err)
		}
	}
	if _, err := op.Verify(ring, 6); err == nil {
		t.Error("the same change is allowed twice")
	}
	ring.TruncateTo(4)
	if ringState(ring) != before {
		t.Error("the change cannot be undone")
	}
}

// TestKeyOpForgeries wants every signature of a key change to be checked, and over everything.
func TestKeyOpForgeries(t *testing.T) {
	ring := testRing(t)
	fresh, other := testKey(30), testKey(31)
	sign := func(change func(*KeyOp)) *KeyOp {
		op := &KeyOp{Action: KeyRegister, Request: 9, Subject: "dan", Role: RoleClient}
		op.Sign(testKey(1), &fresh, ring.Cluster())
		change(op)
		return op
	}
	if _, err := sign(func(*KeyOp) {}).Verify(ring, 5); err != nil {
		t.Fatal(err)
	}
	resign := func(o *KeyOp) { // the signer signs whatever stands there
		o.Signature = Seal(testKey(1), ring.Cluster(), KindKeyOp, o.signedBody()).Signature
	}
	for what, change := range map[string]func(*KeyOp){
		"signature":        func(o *KeyOp) { o.Signature[0] ^= 1 },
		"subject":          func(o *KeyOp) { o.Subject = "eve" },
		"role":             func(o *KeyOp) { o.Role = RoleOperator },
		"request":          func(o *KeyOp) { o.Request++ },
		"proof":            func(o *KeyOp) { o.Possessed[0] ^= 1; resign(o) },
		"another's key":    func(o *KeyOp) { o.Public = other.Public(); resign(o) },
		"proof of another": func(o *KeyOp) { o.Subject = "eve"; resign(o) },
		"other kind": func(o *KeyOp) {
			o.Signature = Seal(testKey(1), ring.Cluster(), KindCommand, o.signedBody()).Signature
		},
		"key of small order": func(o *KeyOp) {
			// Under the identity as a key, R = identity and S = 0 sign everything.
			o.Public, o.Possessed = PublicKey{1}, Signature{1}
			resign(o)
		},
	} {
		if _, err := sign(change).Verify(ring, 5); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if !VerifySignature(PublicKey{1}, []byte("anything"), Signature{1}) {
		t.Error("the key of small order does not sign everything; the test above tests nothing")
	}
}

func TestRecordsAreCopies(t *testing.T) {
	ring := testRing(t)
	before := ringState(ring)
	ring.Records()[0].Subject = "changed"
	ring.Current("alice", 1)[0].Subject = "changed"
	if ringState(ring) != before || !slices.Equal(ring.Records(), testRing(t).Records()) {
		t.Error("a caller changed the keyring")
	}
}
