package juno_test

import (
	"bytes"
	"errors"
	"fmt"

	"juno"
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

func Example() {
	g := ledger()
	alice := key(100)

	command := juno.Command{
		Request: 1, Language: juno.LanguageHoplite,
		Text: "transfer(alice->bob, 12.50)",
	}
	command.Sign(alice, g.ID())

	// On a node: read the bytes, and let the keyring say whose they are.
	received, err := juno.ParseCommand(command.Payload())
	if err != nil {
		fmt.Println(err)
		return
	}
	ring, err := g.Keyring()
	if err != nil {
		fmt.Println(err)
		return
	}
	verified, err := ring.Open(received.Envelope(), 1)
	fmt.Println(verified.Signer().Subject, "signed", received.Text, err)

	received.Text = "transfer(alice->eve, 12.50)"
	_, err = ring.Open(received.Envelope(), 1)
	fmt.Println(errors.Is(err, juno.ErrBadSignature))
	// Output:
	// alice signed transfer(alice->bob, 12.50) <nil>
	// true
}

func ExampleSignBatch() {
	g := ledger()
	head, payloads := juno.SignBatch(key(100), g.ID(), 10, []juno.Command{
		{Text: "CreateAccount rent"},
		{Text: "CreateAccount food"},
		{Text: "ObserveAccounts"},
	})
	fmt.Println(len(payloads), "commands, one signature:", head.CheckBatch(payloads))

	last, err := juno.ParseCommand(payloads[2])
	fmt.Println("request", last.Request, "is", last.Text, err)
	// Output:
	// 3 commands, one signature: <nil>
	// request 12 is ObserveAccounts <nil>
}

func ExampleQuorumCertificate_Verify() {
	g := ledger()
	entry := juno.Entry{Index: 1, Time: g.Created, Type: juno.EntryNoop}
	pos := juno.Pos{Index: 1, Hash: entry.ChainHash(g.ID())}

	// Nodes 1 to 3 have it prepared; that is a quorum of four.
	certificate := &juno.QuorumCertificate{
		Pos: pos, Kind: juno.Commit, Detached: true,
		PrevHash: g.ID(), Head: entry.Header(),
	}
	for i := byte(1); i <= 3; i++ {
		vote := juno.Vote{Node: juno.NodeID(i), Accepted: &pos, Prepared: &pos}
		certificate.Votes = append(certificate.Votes, juno.SignVote(key(i), g.ID(), vote))
	}
	ring, err := g.Config.Keyring(g.ID())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(certificate.Verify(&g.Config, ring, nil))

	certificate.Votes = certificate.Votes[:2]
	fmt.Println(certificate.Verify(&g.Config, ring, nil) != nil)
	// Output:
	// <nil>
	// true
}

func ExampleAmount() {
	third, err := juno.ParseAmount("1%3")
	if err != nil {
		fmt.Println(err)
		return
	}
	half := juno.NewAmount(1)
	half, _ = half.Quo(juno.NewAmount(2))
	sum, _ := third.Add(half)
	fmt.Println(third, "+", half, "=", sum)

	three, _ := third.Mul(juno.NewAmount(9))
	fmt.Println("9 thirds are exactly", three)

	price, _ := juno.ParseAmount("12.50")
	cents, whole := price.Minor(2)
	fmt.Println(price, "is", cents, "cents:", whole)
	// Output:
	// 1%3 + 0.5 = 5%6
	// 9 thirds are exactly 3
	// 12.5 is 1250 cents: true
}
