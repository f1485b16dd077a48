package zmq

import (
	"crypto/ecdh"
	"encoding/hex"
	"testing"

	"juno"
)

// The curve key computed from the ed25519 public key equals the one that the standard library
// computes from the secret key.
func TestCurveKeysMatch(t *testing.T) {
	for n := range 50 {
		key := testKey(n)
		secret := curveSecret(key)
		private, err := ecdh.X25519().NewPrivateKey(secret[:])
		if err != nil {
			t.Fatal(err)
		}
		public, err := curvePublic(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := hex.EncodeToString(public[:]),
			hex.EncodeToString(private.PublicKey().Bytes()); got != want {
			t.Errorf("key %d: public %s, want %s", n, got, want)
		}
	}
}

// The seed and both results are from libsodium's test of the conversion
// (test/default/ed25519_convert.c).
func TestCurveKeysGolden(t *testing.T) {
	seed, err := hex.DecodeString(
		"421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee",
	)
	if err != nil {
		t.Fatal(err)
	}
	key := juno.NewPrivateKey([juno.SeedBytes]byte(seed))
	public, err := curvePublic(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	secret := curveSecret(key)
	const wantPublic = "f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50"
	const wantSecret = "8052030376d47112be7f73ed7a019293dd12ad910b654455798b4667d73de166"
	if got := hex.EncodeToString(public[:]); got != wantPublic {
		t.Errorf("public %s, want %s", got, wantPublic)
	}
	if got := hex.EncodeToString(secret[:]); got != wantSecret {
		t.Errorf("secret %s, want %s", got, wantSecret)
	}
}

func TestBadKeysHaveNoCurveKey(t *testing.T) {
	for name, key := range map[string]juno.PublicKey{
		"neutral element": {1},
		"order four":      {},
		"no point":        {2},
	} {
		if k, err := curvePublic(key); err == nil {
			t.Errorf("%s: got curve key %x, want an error", name, k)
		}
	}
}
