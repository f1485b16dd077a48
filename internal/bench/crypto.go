package bench

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"

	"juno"
)

// cryptoBatch is how many signatures are verified at once where nothing else is measured: more
// make each of them hardly cheaper.
const cryptoBatch = 1024

// crypto measures signatures alone.
func (b *bench) crypto() error {
	var missing []*gauge
	for _, g := range []*gauge{b.signing(), b.verifying()} {
		if !b.has(g.Name) {
			missing = append(missing, g)
		}
	}
	return b.rounds(missing...)
}

// has reports whether a measure was taken already.
func (b *bench) has(name string) bool {
	for i := range b.results {
		if b.results[i].Name == name {
			return true
		}
	}
	return false
}

// cryptoClient signs and verifies commands on one core.
type cryptoClient struct {
	key      juno.PrivateKey
	public   juno.PublicKey
	verifier *juno.BatchVerifier
	commands []juno.Command
	messages [][]byte
}

func newCryptoClient(c int) (*cryptoClient, error) {
	var seed [juno.SeedBytes]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, err
	}
	key := juno.NewPrivateKey(seed)
	s := &cryptoClient{
		key: key, public: key.Public(), commands: make([]juno.Command, cryptoBatch),
		verifier: juno.NewBatchVerifier(cryptoBatch), messages: make([][]byte, cryptoBatch),
	}
	draw := &pairs{state: uint64(c) + 1}
	for i := range s.commands {
		s.commands[i] = juno.Command{
			Request:  juno.RequestID(i + 1),
			Language: juno.LanguageHoplite, Text: draw.text(loadAccounts),
		}
	}
	s.sign()
	return s, nil
}

func (s *cryptoClient) sign() {
	for i := range s.commands {
		c := &s.commands[i]
		c.Sign(s.key, juno.ClusterID{})
		s.messages[i] = juno.AppendSigningBytes(s.messages[i][:0], juno.KindCommand,
			juno.ClusterID{}, c.SignedBody())
	}
}

func (s *cryptoClient) verify() error {
	for i := range s.commands {
		s.verifier.Add(s.public, s.messages[i], s.commands[i].Signature)
	}
	for i, ok := range s.verifier.Verify() {
		if !ok {
			return fmt.Errorf("signature %d of our own does not verify", i)
		}
	}
	return nil
}

// cryptoGauge is a gauge of all cores at work on signatures.
func (b *bench) cryptoGauge(r result, work func(*cryptoClient) error) *gauge {
	cores := runtime.GOMAXPROCS(0)
	all := make([]*cryptoClient, cores)
	var errs []error
	for c := range all {
		client, err := newCryptoClient(c)
		all[c], errs = client, append(errs, err)
	}
	failed := errors.Join(errs...)
	return b.loop(r, cores, func(c int, _ *pairs) (int, error) {
		if failed != nil {
			return 0, failed
		}
		return cryptoBatch, work(all[c])
	})
}

// signing is the limit of commands that are signed each by itself: sign once, verify once.
func (b *bench) signing() *gauge {
	r := result{
		Name: "juno/crypto", Unit: "commands/s",
		Note: fmt.Sprintf("all cores sign, and verify %d at once; no disk", cryptoBatch),
	}
	return b.cryptoGauge(r, func(s *cryptoClient) error {
		s.sign()
		return s.verify()
	})
}

// verifying is the limit of verify with signatures.
func (b *bench) verifying() *gauge {
	r := result{
		Name: "juno/crypto-verify", Unit: "signatures/s",
		Note: fmt.Sprintf("all cores verify %d at once; no disk", cryptoBatch),
	}
	return b.cryptoGauge(r, (*cryptoClient).verify)
}
