package juno

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Language says how the text of a command is read. It is chosen where the command is made and is
// part of what is signed.
type Language uint8

// The languages of commands. The numbers are part of the format.
const (
	LanguageAdmin   Language = 0 // CreateAccount, AdjustAccount, ObserveAccount(s), …
	LanguageHoplite Language = 1 // transfer(A->B, 1%1) and the prototype's programs
	LanguageHopper  Language = 2 // contracts
)

// CommandTextBytesMax bounds the text of one command.
const CommandTextBytesMax = 64 << 10

const commandVersion = 1

// form says where the signature of a command is.
const (
	formSigned  = 0 // the last 64 bytes of the command itself
	formBatched = 1 // in the BatchHead before it, over all commands of the batch
)

// Command is one request of a client. (client, Request) names it for ever: sent twice it is
// executed once, and answered twice with the first result.
//
// Canonical bytes, which are the payload of an entry of type EntryCommand:
//
//	size    field
//	1       version, 1
//	1       form: 0 signed by itself, 1 signed by the BatchHead before it
//	8       key id
//	uvarint request id, from 1
//	uvarint last index at which it may still be committed; 0 for ever
//	1       language
//	uvarint length of the text, then the text, UTF-8
//	64      signature over everything before it; only in form 0
type Command struct {
	Key       KeyID
	Request   RequestID
	Expires   Index
	Language  Language
	Text      string
	Batched   bool
	Signature Signature // zero if Batched
}

// commandHeadBytesMax is the longest that the fields before the text can be, with its length.
const commandHeadBytesMax = 1 + 1 + KeyIDBytes + 2*binary.MaxVarintLen64 + 1 + 3

// Check reports whether the command can be in a log: whether ParseCommand reads its payload.
func (c *Command) Check() error {
	switch {
	case c.Request == 0:
		return errors.New("command: request id 0, they begin at 1")
	case len(c.Text) > CommandTextBytesMax:
		return fmt.Errorf("command: text of %d bytes, at most %d", len(c.Text), CommandTextBytesMax)
	case !utf8.ValidString(c.Text):
		return errors.New("command: text is not UTF-8")
	}
	return nil
}

// SignedBody returns the bytes that the client signs, or in a batch those whose leaf hash is
// under the batch's root.
func (c *Command) SignedBody() []byte {
	return c.appendBody(make([]byte, 0, commandHeadBytesMax+len(c.Text)))
}

func (c *Command) appendBody(b []byte) []byte {
	form := byte(formSigned)
	if c.Batched {
		form = formBatched
	}
	b = append(b, commandVersion, form)
	b = append(b, c.Key[:]...)
	b = AppendUvarint(b, uint64(c.Request))
	b = AppendUvarint(b, uint64(c.Expires))
	b = append(b, byte(c.Language))
	return AppendText(b, c.Text)
}

// Payload returns the canonical bytes.
func (c *Command) Payload() []byte {
	b := c.appendBody(make([]byte, 0, commandHeadBytesMax+len(c.Text)+SignatureBytes))
	if !c.Batched {
		b = append(b, c.Signature[:]...)
	}
	return b
}

// Sign signs a single command with key and fills in Key and Signature. Whoever takes the text
// from outside calls Check first: no node can read a command that fails it.
func (c *Command) Sign(key PrivateKey, cluster ClusterID) {
	c.Key, c.Batched = key.Public().ID(), false
	c.Signature = Seal(key, cluster, KindCommand, c.SignedBody()).Signature
}

// Envelope returns the single command as a statement to be opened by a Keyring.
func (c *Command) Envelope() Envelope {
	return Envelope{Kind: KindCommand, Key: c.Key, Body: c.SignedBody(), Signature: c.Signature}
}

// SameRequest reports whether two entries that go by the same request number of the same client
// ask for the same thing: then the later one is a replay, and the first result is its answer.
// Otherwise the client has used the number for two things, which is an error. How a command is
// signed does not matter, nor until when it was to be committed: a client may send a command of a
// batch again by itself, or under its next key.
func SameRequest(first, again *Entry) bool {
	if first.Type != again.Type {
		return false
	}
	if first.Type != EntryCommand {
		return bytes.Equal(first.Payload, again.Payload)
	}
	a, err1 := ParseCommand(first.Payload)
	b, err2 := ParseCommand(again.Payload)
	return err1 == nil && err2 == nil &&
		a.Request == b.Request && a.Language == b.Language && a.Text == b.Text
}

// IsBatched reports whether a payload, if it is a command, is one of a batch, without reading the
// rest.
func IsBatched(payload []byte) bool { return len(payload) > 1 && payload[1] == formBatched }

// ParseCommand reads the payload of an entry of type EntryCommand.
func ParseCommand(payload []byte) (Command, error) {
	c, text, err := parseCommand(payload)
	c.Text = string(text)
	return c, err
}

// parseCommand reads everything but the text, which aliases the payload.
func parseCommand(payload []byte) (c Command, text []byte, err error) {
	d := Decoder{b: payload}
	d.Version(commandVersion, "command")
	form := d.U8()
	copy(c.Key[:], d.Fixed(KeyIDBytes))
	c.Request, c.Expires = RequestID(d.Uvarint()), Index(d.Uvarint())
	c.Language = Language(d.U8())
	text = d.Bytes(CommandTextBytesMax)
	if !utf8.Valid(text) {
		d.Fail("text is not UTF-8")
	}
	switch {
	case form == formBatched:
		c.Batched = true
	case form == formSigned:
		copy(c.Signature[:], d.Fixed(SignatureBytes))
	default:
		d.Fail("form %d", form)
	}
	if c.Request == 0 {
		d.Fail("request id 0")
	}
	if err := d.Done(); err != nil {
		return Command{}, nil, fmt.Errorf("command: %w", err)
	}
	return c, text, nil
}

// BatchCommandsMax bounds a client batch, so that the head and its commands fit one AppendEntries
// of 4,096 entries (docs/SPECIFICATION.md, N1).
const BatchCommandsMax = 4095

const batchVersion = 1

// BatchHead is one client's signature over many commands. They follow it in the log, one entry
// each, with the request ids FirstRequest, FirstRequest+1, …
//
// Canonical bytes, the payload of an entry of type EntryBatchHead:
//
//	size    field
//	1       version, 1
//	8       key id
//	uvarint first request id, from 1
//	uvarint number of commands, 1 to 4095
//	32      Merkle root (RFC 6962 §2.1) over the payloads of the commands
//	64      signature over everything before it
type BatchHead struct {
	Key          KeyID
	FirstRequest RequestID
	Count        int
	Root         Hash
	Signature    Signature
}

func (h *BatchHead) signedBody() []byte {
	b := append(make([]byte, 0, 128), batchVersion)
	b = append(b, h.Key[:]...)
	b = AppendUvarint(b, uint64(h.FirstRequest))
	b = AppendUvarint(b, uint64(h.Count))
	return append(b, h.Root[:]...)
}

// numbered reports whether there are commands, and request ids from 1 on for all of them.
func (h *BatchHead) numbered() bool {
	return h.Count >= 1 && h.Count <= BatchCommandsMax && h.FirstRequest >= 1 &&
		uint64(h.FirstRequest) <= math.MaxUint64-uint64(h.Count)
}

// Payload returns the canonical bytes.
func (h *BatchHead) Payload() []byte { return append(h.signedBody(), h.Signature[:]...) }

// Envelope returns the head as a statement to be opened by a Keyring.
func (h *BatchHead) Envelope() Envelope {
	return Envelope{Kind: KindBatch, Key: h.Key, Body: h.signedBody(), Signature: h.Signature}
}

// ParseBatchHead reads the payload of an entry of type EntryBatchHead.
func ParseBatchHead(payload []byte) (BatchHead, error) {
	d := NewDecoder(payload)
	d.Version(batchVersion, "batch head")
	h := BatchHead{}
	copy(h.Key[:], d.Fixed(KeyIDBytes))
	h.FirstRequest, h.Count = RequestID(d.Uvarint()), d.Count(BatchCommandsMax)
	h.Root = d.Hash()
	copy(h.Signature[:], d.Fixed(SignatureBytes))
	if d.err == nil && !h.numbered() {
		d.Fail("%d commands from request id %d", h.Count, h.FirstRequest)
	}
	if err := d.Done(); err != nil {
		return BatchHead{}, fmt.Errorf("batch head: %w", err)
	}
	return h, nil
}

// SignBatch numbers commands from first, marks them as batched under key, and returns their
// signed head and their payloads. It panics unless there are 1 to BatchCommandsMax and first is
// at least 1. Whoever takes the texts from outside calls Check on each command first.
func SignBatch(
	key PrivateKey, cluster ClusterID, first RequestID, commands []Command,
) (BatchHead, [][]byte) {
	h := BatchHead{Key: key.Public().ID(), FirstRequest: first, Count: len(commands)}
	if !h.numbered() {
		panic(fmt.Sprintf("batch of %d commands from request id %d, want 1 to %d from 1 on",
			len(commands), first, BatchCommandsMax))
	}
	payloads := make([][]byte, len(commands))
	leaves := make([]Hash, len(commands))
	for i := range commands {
		c := &commands[i]
		c.Key, c.Request, c.Batched, c.Signature = h.Key, first+RequestID(i), true, Signature{}
		payloads[i] = c.Payload()
		leaves[i] = MerkleLeaf(payloads[i])
	}
	h.Root = MerkleRoot(leaves)
	h.Signature = Seal(key, cluster, KindBatch, h.signedBody()).Signature
	return h, payloads
}

// CheckBatch reports whether payloads are exactly the commands that h is about. It does not check
// the signature of h.
func (h *BatchHead) CheckBatch(payloads [][]byte) error {
	if len(payloads) != h.Count {
		return fmt.Errorf("batch of %s from %d: head names %d commands, %d follow",
			h.Key, h.FirstRequest, h.Count, len(payloads))
	}
	leaves := make([]Hash, len(payloads))
	for i, p := range payloads {
		leaves[i] = MerkleLeaf(p)
	}
	if root := MerkleRoot(leaves); root != h.Root {
		return fmt.Errorf("batch of %s from %d: signed root %s, the commands give %s",
			h.Key, h.FirstRequest, h.Root.Short(), root.Short())
	}
	for i, p := range payloads {
		c, _, err := parseCommand(p)
		if err != nil {
			return fmt.Errorf("batch of %s from %d: command %d: %w", h.Key, h.FirstRequest, i, err)
		}
		if !c.Batched || c.Key != h.Key || c.Request != h.FirstRequest+RequestID(i) {
			return fmt.Errorf("batch of %s from %d: command %d is request %d of %s",
				h.Key, h.FirstRequest, i, c.Request, c.Key)
		}
	}
	return nil
}

// CommandID is the hash that names a command in answers and messages: of its payload, as in
// EntryHeader.
func CommandID(payload []byte) Hash { return sha256.Sum256(payload) }
