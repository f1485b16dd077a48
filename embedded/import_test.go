package embedded

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"juno"
	"juno/datadir"
	"juno/snapshot"
)

// A carrier that names the ledger's own genesis, and was made by somebody who has none of its keys,
// must not become a ledger: a certificate of an epoch that never was proves nothing.
func TestImportRefusesCertificateOfUnknownEpoch(t *testing.T) {
	path := newLedger(t, true)
	dir, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	forged := juno.Entry{
		Index: 1, Term: juno.TermOf(7, 0), Time: dir.Genesis.Created, Type: juno.EntryNoop,
	}
	var seed [juno.SeedBytes]byte
	seed[0] = 99
	stranger := juno.NewPrivateKey(seed)
	claim := juno.Vote{Term: forged.Term, Node: 1}
	claim.Committed = juno.Pos{Index: 1, Hash: forged.ChainHash(dir.Genesis.ID())}
	claim.Prepared, claim.Accepted = &claim.Committed, &claim.Committed
	proof := &juno.QuorumCertificate{
		Term: forged.Term, Pos: claim.Committed, Kind: juno.Commit,
		Votes: []juno.SignedVote{juno.SignVote(stranger, dir.Genesis.ID(), claim)},
	}
	carrier := filepath.Join(t.TempDir(), "forged.juno")
	f, err := os.Create(carrier)
	if err != nil {
		t.Fatal(err)
	}
	err = snapshot.Export(context.Background(), f, snapshot.Cargo{
		Genesis: dir.Genesis, Entries: only(forged),
		Records: only(juno.Record{
			Kind: juno.RecordProof, Index: 1, Bytes: juno.AppendCertificate(nil, proof),
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "taken")
	info, err := Import(context.Background(), carrier, to, ImportOptions{})
	if err == nil {
		t.Fatalf("a forged carrier was imported: %+v", info)
	}
	t.Log(err)
	if _, err := datadir.Open(to); err == nil {
		t.Error("a refused import left a ledger")
	}
}

func only[T any](v T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) { yield(v, nil) }
}
