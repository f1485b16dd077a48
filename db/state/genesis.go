package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"juno"
)

// Element is one key and its value.
type Element struct{ Key, Value []byte }

// Genesis returns the elements that the state has before the first entry, sorted by key.
func Genesis(g *juno.Genesis) ([]Element, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	ring, err := g.Keyring()
	if err != nil {
		return nil, err
	}
	progress := Progress{Time: g.Created, Trace: genesisTrace(g.ID())}
	all := []Element{
		{keyConfig, juno.AppendConfig(nil, &g.Config)},
		{keyLedger, AppendLedger(nil, &Ledger{Cluster: g.ID(), Open: g.Open, Created: g.Created})},
		{keyMode, AppendMode(nil, Mode{})},
		{keyProgress, AppendProgress(nil, &progress)},
		{AppendCurrencyKey(nil, DefaultCurrency), AppendCurrency(nil, &Currency{Scale: ScaleAny})},
		{
			AppendAccountKey(nil, IssuanceAccount),
			AppendAccount(nil, &Account{Opened: g.Created}),
		},
	}
	for _, r := range ring.Records() {
		if err := juno.CheckName(r.Subject); err != nil {
			return nil, fmt.Errorf("genesis: client: %w", err)
		}
		all = append(all, Element{AppendKeyKey(nil, r.ID), AppendKeyRecord(nil, r)})
	}
	slices.SortFunc(all, func(a, b Element) int { return bytes.Compare(a.Key, b.Key) })
	return all, nil
}

const traceTag = "juno1/trace"

// genesisTrace is the trace before the first entry: SHA-256("juno1/trace" | cluster).
func genesisTrace(cluster juno.ClusterID) juno.Hash {
	return sha256.Sum256(append([]byte(traceTag), cluster[:]...))
}
