package juno

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// signedMessage is one signature with all that is needed to check it.
type signedMessage struct {
	public    PublicKey
	message   []byte
	signature Signature
}

func testKey(n int) PrivateKey {
	return NewPrivateKey(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("key"), uint64(n))))
}

// signedMessages returns n valid signatures of that many signers, taking turns.
func signedMessages(n, signers int) []signedMessage {
	keys := make([]PrivateKey, signers)
	for i := range keys {
		keys[i] = testKey(i)
	}
	all := make([]signedMessage, n)
	for i := range all {
		m := binary.BigEndian.AppendUint64(make([]byte, 112), uint64(i))
		k := keys[i%signers]
		all[i] = signedMessage{k.Public(), m, k.Sign(m)}
	}
	return all
}

func BenchmarkSign(b *testing.B) {
	k, m := testKey(0), make([]byte, 120)
	b.ReportAllocs()
	for b.Loop() {
		k.Sign(m)
	}
}

func BenchmarkVerifySignature(b *testing.B) {
	all := signedMessages(64, 8)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := &all[i%len(all)]
		if !VerifySignature(m.public, m.message, m.signature) {
			b.Fatal("a valid signature was refused")
		}
	}
}

// BenchmarkBatchVerifier reports µs per signature.
func BenchmarkBatchVerifier(b *testing.B) {
	for _, n := range []int{4, 16, 64, 256, 512, 1024, 4096} {
		for _, signers := range []int{1, 8, 64} {
			if signers > n {
				continue
			}
			b.Run(fmt.Sprintf("signatures=%d/signers=%d", n, signers), func(b *testing.B) {
				all := signedMessages(n, signers)
				v := NewBatchVerifier(n)
				b.ReportAllocs()
				for b.Loop() {
					for i := range all {
						v.Add(all[i].public, all[i].message, all[i].signature)
					}
					for i, ok := range v.Verify() {
						if !ok {
							b.Fatalf("valid signature %d was refused", i)
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/signature")
			})
		}
	}
}

// BenchmarkLibraryBatch is the library's own batch, one term per signature for its key, with keys
// that were expanded before: what BatchVerifier is measured against.
func BenchmarkLibraryBatch(b *testing.B) {
	for _, n := range []int{64, 512, 1024, 4096} {
		for _, signers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("signatures=%d/signers=%d", n, signers), func(b *testing.B) {
				all := signedMessages(n, signers)
				keys := make(map[PublicKey]*voi.ExpandedPublicKey)
				for _, m := range all[:signers] {
					k, err := voi.NewExpandedPublicKey(m.public[:])
					if err != nil {
						b.Fatal(err)
					}
					keys[m.public] = k
				}
				v := voi.NewBatchVerifierWithCapacity(n)
				for b.Loop() {
					for i := range all {
						m := &all[i]
						v.AddExpandedWithOptions(keys[m.public], m.message, m.signature[:], zip215)
					}
					if ok, _ := v.Verify(nil); !ok {
						b.Fatal("a valid signature was refused")
					}
					v.Reset()
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/signature")
			})
		}
	}
}

// BenchmarkBatchVerifierBad measures what wrong signatures cost: one of the batch, and all.
func BenchmarkBatchVerifierBad(b *testing.B) {
	const n = 1024
	for _, bad := range []int{0, 1, 4, 32, n} {
		b.Run(fmt.Sprintf("bad=%d", bad), func(b *testing.B) {
			all := signedMessages(n, 8)
			for i := range bad {
				all[i*n/bad].message = []byte("another message")
			}
			v := NewBatchVerifier(n)
			for b.Loop() {
				for i := range all {
					v.Add(all[i].public, all[i].message, all[i].signature)
				}
				v.Verify()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/signature")
		})
	}
}
