package verify_test

import (
	"bytes"
	"errors"
	"fmt"

	"juno"
	"juno/verify"
)

// key makes a key for the examples. A true seed comes from a good source of randomness.
func key(n byte) juno.PrivateKey {
	return juno.NewPrivateKey([juno.SeedBytes]byte(bytes.Repeat([]byte{n}, juno.SeedBytes)))
}

// ledger is a ledger of four nodes and one client.
func ledger() *juno.Genesis {
	g := &juno.Genesis{
		Created: 1_767_225_600_000,
		Config:  juno.EpochConfig{FirstLeader: 1, CheckpointEvery: 10_000},
		Clients: []juno.ClientKey{
			{Name: "alice", Role: juno.RoleClient, Public: key(100).Public()},
		},
	}
	for i := byte(1); i <= 4; i++ {
		g.Config.Voters = append(g.Config.Voters,
			juno.Member{ID: juno.NodeID(i), Public: key(i).Public()})
	}
	return g
}

func ExampleReceipt() {
	g := ledger()
	command := juno.Command{Request: 1, Text: "CreateAccount rent"}
	command.Sign(key(100), g.ID())
	entry := juno.Entry{
		Index: 1, Time: g.Created, Type: juno.EntryCommand,
		Payload: command.Payload(),
	}
	pos := juno.Pos{Index: 1, Hash: entry.ChainHash(g.ID())}
	receipt := &juno.Receipt{
		Genesis: g, Prev: g.ID(), Entry: entry,
		Signer: key(100).Public(), Certificate: &juno.QuorumCertificate{
			Pos: pos, Kind: juno.Commit,
			Detached: true, PrevHash: g.ID(), Head: entry.Header(),
		},
	}
	for i := byte(1); i <= 3; i++ {
		vote := juno.Vote{Node: juno.NodeID(i), Prepared: &pos}
		receipt.Certificate.Votes = append(receipt.Certificate.Votes,
			juno.SignVote(key(i), g.ID(), vote))
	}
	report, err := verify.Receipt(receipt, g.ID())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("entry", report.Pos.Index, "is certain by", len(report.Attested), "of",
		report.Voters, "voters")
	fmt.Printf("%s signed %q\n", report.Client, report.Command.Text)

	// The file of a receipt is JSON. Whoever changes it only makes it worthless.
	text, err := juno.FormatReceipt(receipt)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = juno.ParseReceipt(bytes.Replace(text, []byte("rent"), []byte("food"), 1))
	fmt.Println(errors.Is(err, juno.ErrMalformed))
	// Output:
	// entry 1 is certain by 3 of 4 voters
	// alice signed "CreateAccount rent"
	// true
}
