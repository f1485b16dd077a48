package juno

// Answer is a node's signed word on a command (CMDR): what it gave and where it stands in the
// log. A client believes f+1 equal answers of different nodes.
//
// Signed bytes: version (1), node (4), client (text), request (8), command id (32), position (40),
// result hash (32). Canonical bytes: the same with the whole result in place of its hash, then the
// key id (8) and the signature (64). The message of the result is not signed: it is words.
type Answer struct {
	Node      NodeID
	Client    string
	Request   RequestID
	Command   Hash // CommandID
	Pos       Pos  // of the entry that holds the command
	Result    Result
	Key       KeyID
	Signature Signature
}

const answerVersion = 1

func (a *Answer) signedBody() []byte {
	h := a.Result.Hash()
	return append(a.appendHead(make([]byte, 0, 160)), h[:]...)
}

func (a *Answer) appendHead(b []byte) []byte {
	b = AppendU32(append(b, answerVersion), uint32(a.Node))
	b = AppendU64(AppendText(b, a.Client), uint64(a.Request))
	return AppendPos(append(b, a.Command[:]...), a.Pos)
}

// Sign signs the answer with the node's key and fills in Key and Signature.
func (a *Answer) Sign(key PrivateKey, cluster ClusterID) {
	e := Seal(key, cluster, KindResult, a.signedBody())
	a.Key, a.Signature = e.Key, e.Signature
}

// Envelope returns the answer as a statement to be opened by a Keyring.
func (a *Answer) Envelope() Envelope {
	return Envelope{Kind: KindResult, Key: a.Key, Body: a.signedBody(), Signature: a.Signature}
}

// Agrees reports whether two answers say the same of the same command.
func (a *Answer) Agrees(b *Answer) bool {
	return a.Client == b.Client && a.Request == b.Request && a.Command == b.Command &&
		a.Pos == b.Pos && a.Result.Hash() == b.Result.Hash()
}

// AppendAnswer appends the canonical bytes of a.
func AppendAnswer(b []byte, a *Answer) []byte {
	b = AppendResult(a.appendHead(b), &a.Result)
	b = append(b, a.Key[:]...)
	return append(b, a.Signature[:]...)
}

// Answer reads what AppendAnswer wrote.
func (d *Decoder) Answer() (a Answer) {
	d.Version(answerVersion, "answer")
	a.Node, a.Client, a.Request = NodeID(d.U32()), d.Name(), RequestID(d.U64())
	a.Command, a.Pos = d.Hash(), d.Pos()
	if d.err == nil && (a.Node == 0 || a.Request == 0 || a.Pos.Index == 0) {
		d.fail("answer of %s to request %d at index %d", a.Node, a.Request, a.Pos.Index)
	}
	a.Result = d.Result()
	copy(a.Key[:], d.Fixed(KeyIDBytes))
	copy(a.Signature[:], d.Fixed(SignatureBytes))
	return a
}
