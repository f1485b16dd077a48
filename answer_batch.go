package juno

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// KindAnswers is the kind of a node's signature over the answers of one apply step.
const KindAnswers Kind = 17

// Ask is what a client asked for, without the signature: two entries of one client with the same
// number ask for the same thing exactly if their hashes are equal, see SameRequest.
type Ask struct {
	Key     KeyID // that signed it
	Request RequestID
	Hash    Hash // of type, language and text; of the whole payload if the entry is no command
}

const askTag = "juno1/ask"

// askBytes is how long a text can be and still be hashed without an allocation.
const askBytes = 512

// AskOf returns what an entry asks for; false if no client asked for it, or if it is the head of a
// batch, whose commands follow. Only Type and Payload are looked at.
func AskOf(e *Entry) (Ask, bool) {
	switch e.Type {
	case EntryCommand:
		c, text, err := parseCommand(e.Payload)
		if err != nil {
			return Ask{}, false
		}
		return Ask{c.Key, c.Request, askHash(e.Type, c.Language, text)}, true
	case EntryKeyOp:
		o, err := ParseKeyOp(e.Payload)
		if err != nil {
			return Ask{}, false
		}
		return Ask{o.Key, o.Request, askHash(e.Type, 0, e.Payload)}, true
	}
	return Ask{}, false
}

func askHash(t EntryType, l Language, text []byte) Hash {
	var short [len(askTag) + 2 + askBytes]byte // on the stack: this runs once per command
	b := short[:0]
	if len(text) > askBytes {
		b = make([]byte, 0, len(askTag)+2+len(text))
	}
	b = append(append(b, askTag...), byte(t), byte(l))
	return sha256.Sum256(append(b, text...))
}

// AnswerItem is what became of one command, as a node says.
type AnswerItem struct {
	Request RequestID
	Asked   Hash // Ask.Hash
	Index   Index
	Time    Millis // of the entry
	Result  Result
}

// Agrees reports whether two nodes say the same of a command. Words do not count.
func (a *AnswerItem) Agrees(b *AnswerItem) bool {
	return a.Request == b.Request && a.Asked == b.Asked && a.Index == b.Index &&
		a.Time == b.Time && a.Result.Status == b.Result.Status && a.Result.Code == b.Result.Code &&
		a.Result.Value == b.Result.Value
}

// Limits of an AnswerSheet.
const (
	// AnswersMax bounds the answers of one sheet: a client has no more requests under way than its
	// window holds.
	AnswersMax = 4096
	// AnswerSheetsMax bounds the sheets under one signature.
	AnswerSheetsMax = 1 << 20
	answerPathMax   = 20 // log2(AnswerSheetsMax)
)

// AnswerSheet is a node's word on many commands of one client. One signature covers all sheets of
// an apply step, whoever they are for: a node that executes thousands of commands at once signs
// once, and a client checks one signature for all of its own. A client believes an item that f+1
// nodes have; sheets of different nodes need not be cut alike.
//
// Body: version (1), node (4), term (8), client's key id (8), position (40), number of items, then
// the items in runs, as long as they can be: what follows each other in request id and index, of
// one time and with one result. Of each run its first request id, first index, time, length
// (uvarint each), status (1), code, value, message (text each), and asked of each of its items
// (32). Signed bytes, of kind KindAnswers: version (1), node (4), number of sheets
// (uvarint), Merkle root over the bodies (32, RFC 6962 §2.1). Canonical bytes: body, place among
// the sheets (uvarint), number of sheets (uvarint), path (count, then 32 each), key id (8),
// signature (64).
type AnswerSheet struct {
	Node   NodeID
	Term   Term  // the node is in; with it, whom it takes for the leader
	Client KeyID // the key whose commands these are
	Upto   Pos   // the newest entry that the node has executed
	Items  []AnswerItem

	place, sheets int
	path          []Hash
	leaf          Hash // of the body, as it was signed or read
	Key           KeyID
	Signature     Signature
}

const answerSheetVersion = 2

// follows reports whether an item belongs to the same run as the one before it.
func (a *AnswerItem) follows(before *AnswerItem) bool {
	return a.Request == before.Request+1 && a.Index == before.Index+1 && a.Time == before.Time &&
		a.Result == before.Result
}

func (s *AnswerSheet) appendBody(b []byte) []byte {
	b = AppendU32(append(b, answerSheetVersion), uint32(s.Node))
	b = append(AppendU64(b, uint64(s.Term)), s.Client[:]...)
	b = AppendUvarint(AppendPos(b, s.Upto), uint64(len(s.Items)))
	b = slices.Grow(b, len(s.Items)*HashBytes)
	for rest := s.Items; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].follows(&rest[n-1]) {
			n++
		}
		a := &rest[0]
		b = AppendUvarint(AppendUvarint(b, uint64(a.Request)), uint64(a.Index))
		b = AppendUvarint(AppendUvarint(b, uint64(a.Time)), uint64(n))
		b = AppendText(append(b, byte(a.Result.Status)), string(a.Result.Code))
		b = AppendText(AppendText(b, a.Result.Value), a.Result.Message)
		for i := range rest[:n] {
			b = append(b, rest[i].Asked[:]...)
		}
		rest = rest[n:]
	}
	return b
}

// SignAnswers signs all sheets of one node with one signature. It panics if there are more than
// AnswerSheetsMax. A sheet that is changed afterwards has to be signed again.
func SignAnswers(key PrivateKey, cluster ClusterID, sheets []*AnswerSheet) {
	if len(sheets) == 0 || len(sheets) > AnswerSheetsMax {
		panic(fmt.Sprintf("sign %d sheets of answers, want 1 to %d", len(sheets), AnswerSheetsMax))
	}
	leaves := make([]Hash, len(sheets))
	var body []byte
	for i, s := range sheets {
		body = s.appendBody(body[:0])
		leaves[i] = MerkleLeaf(body)
		s.leaf, s.place, s.sheets = leaves[i], i, len(sheets)
	}
	root := merklePaths(leaves, func(i int, path []Hash) { sheets[i].path = path })
	e := Seal(key, cluster, KindAnswers, answersBody(sheets[0].Node, len(sheets), root))
	for _, s := range sheets {
		s.Key, s.Signature = e.Key, e.Signature
	}
}

func answersBody(node NodeID, sheets int, root Hash) []byte {
	b := AppendU32([]byte{answerSheetVersion}, uint32(node))
	return append(AppendUvarint(b, uint64(sheets)), root[:]...)
}

// Envelope returns the sheet as a statement to be opened by a Keyring. Its signer must be Node.
func (s *AnswerSheet) Envelope() Envelope {
	root, ok := climb(s.leaf, s.place, s.sheets, s.path)
	if !ok {
		root = Hash{} // a path of the wrong length leads nowhere, and nobody has signed that
	}
	return Envelope{
		Kind: KindAnswers, Key: s.Key, Body: answersBody(s.Node, s.sheets, root),
		Signature: s.Signature,
	}
}

// AppendAnswerSheet appends the canonical bytes of s, which was signed.
func AppendAnswerSheet(b []byte, s *AnswerSheet) []byte {
	b = s.appendBody(b)
	b = AppendUvarint(AppendUvarint(b, uint64(s.place)), uint64(s.sheets))
	b = AppendUvarint(b, uint64(len(s.path)))
	for i := range s.path {
		b = append(b, s.path[i][:]...)
	}
	b = append(b, s.Key[:]...)
	return append(b, s.Signature[:]...)
}

// AnswerSheet reads what AppendAnswerSheet wrote.
func (d *Decoder) AnswerSheet() *AnswerSheet {
	from := d.off
	s := d.answerSheetBody()
	if d.err != nil {
		return s
	}
	s.leaf = MerkleLeaf(d.b[from:d.off])
	s.place, s.sheets = d.Count(AnswerSheetsMax), d.Count(AnswerSheetsMax)
	if d.err == nil && s.place >= s.sheets {
		d.fail("sheet %d of %d", s.place, s.sheets)
	}
	for range d.Count(answerPathMax) {
		s.path = append(s.path, d.Hash())
	}
	copy(s.Key[:], d.Fixed(KeyIDBytes))
	copy(s.Signature[:], d.Fixed(SignatureBytes))
	return s
}

func (d *Decoder) answerSheetBody() *AnswerSheet {
	d.Version(answerSheetVersion, "answers")
	s := &AnswerSheet{Node: NodeID(d.U32()), Term: Term(d.U64())}
	copy(s.Client[:], d.Fixed(KeyIDBytes))
	s.Upto = d.Pos()
	count := d.Count(AnswersMax)
	if d.err == nil && (s.Node == 0 || count == 0) {
		d.fail("%d answers of %s", count, s.Node)
	}
	// What is left bounds what is allocated, whatever the count says.
	s.Items = make([]AnswerItem, 0, min(count, d.Rest()/HashBytes))
	for len(s.Items) < count && d.err == nil {
		s.Items = d.answerRun(s.Items, count)
	}
	return s
}

// answerRun appends the items of a run to those before it, of count in all.
func (d *Decoder) answerRun(items []AnswerItem, count int) []AnswerItem {
	var a AnswerItem
	a.Request, a.Index = RequestID(d.Uvarint()), Index(d.Uvarint())
	a.Time = Millis(d.Uvarint())
	n := d.Count(count - len(items))
	a.Result.Status = Status(d.U8())
	a.Result.Code = Code(d.Text(codeBytesMax))
	a.Result.Value, a.Result.Message = d.Text(ResultTextBytesMax), d.Text(ResultTextBytesMax)
	last := RequestID(n) - 1
	if d.err == nil && (n == 0 || a.Request == 0 || a.Index == 0 || a.Time < 0 ||
		a.Request+last < a.Request || a.Index+Index(last) < a.Index ||
		(a.Result.Status != StatusOK && a.Result.Status != StatusRefused) ||
		(a.Result.Status == StatusOK) != (a.Result.Code == "")) {
		d.fail("answers to %d requests from %d at %d: %s %q", n, a.Request, a.Index,
			a.Result.Status, a.Result.Code)
	}
	if len(items) > 0 && a.follows(&items[len(items)-1]) {
		d.fail("the answer to request %d continues the run before it", a.Request)
	}
	for range n {
		a.Asked = d.Hash()
		if d.err != nil {
			break
		}
		items = append(items, a)
		a.Request++
		a.Index++
	}
	return items
}
