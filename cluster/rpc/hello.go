package rpc

import "juno"

// Hello opens a session and asks for an Info.
//
// Body: known epochs (4), genesis wanted (1).
type Hello struct {
	// Epochs is how many ends of epochs the client holds proofs of: it knows the members of
	// epochs 0 to Epochs.
	Epochs uint32
	// Genesis asks for the genesis, for a client who knows only its hash, which is the ledger's id.
	Genesis bool
}

func (*Hello) requestKind() RequestKind { return KindHello }

func (h *Hello) appendTo(b []byte) []byte {
	return juno.AppendBool(juno.AppendU32(b, h.Epochs), h.Genesis)
}

func decodeHello(d *juno.Decoder) *Hello { return &Hello{Epochs: d.U32(), Genesis: d.Bool()} }

// Info is what a node says of itself and of the membership. The membership proves itself from the
// genesis on; the rest is the node's word.
//
// Body: node (4), term (8), head (position (40), time (8)), client (text), next request
// (uvarint), genesis (0, or 1 and its canonical bytes), present epoch (4), ends of epochs (count,
// then juno.AppendEpochChange each).
type Info struct {
	Node juno.NodeID
	Term juno.Term // the node is in
	Head juno.Head // the newest entry that it has executed
	// Client is whose key the session's is, at the node's end of the log; empty if nobody's.
	Client string
	// Next is above every request id of Client in the node's log, whether final or not.
	Next    juno.RequestID
	Genesis *juno.Genesis // if it was asked for
	Epoch   uint32        // the node is in
	// Epochs are the ends of epochs from the one that the client asked from, in order. If they do
	// not reach Epoch yet, the client asks again.
	Epochs []juno.EpochChange
}

func (*Info) responseKind() ResponseKind { return KindInfo }

func (i *Info) appendTo(b []byte) []byte {
	b = juno.AppendU64(juno.AppendU32(b, uint32(i.Node)), uint64(i.Term))
	b = juno.AppendText(appendHead(b, i.Head), i.Client)
	b = juno.AppendUvarint(b, uint64(i.Next))
	b = juno.AppendBool(b, i.Genesis != nil)
	if i.Genesis != nil {
		b = juno.AppendGenesis(b, i.Genesis)
	}
	b = juno.AppendUvarint(juno.AppendU32(b, i.Epoch), uint64(len(i.Epochs)))
	for k := range i.Epochs {
		b = juno.AppendEpochChange(b, &i.Epochs[k])
	}
	return b
}

func decodeInfo(d *juno.Decoder) *Info {
	i := &Info{Node: juno.NodeID(d.U32()), Term: juno.Term(d.U64()), Head: decodeHead(d)}
	i.Client, i.Next = d.Text(juno.NameBytesMax), juno.RequestID(d.Uvarint())
	if d.Bool() && d.Err() == nil {
		i.Genesis = d.Genesis()
	}
	i.Epoch = d.U32()
	for range d.Count(EpochsMax) {
		if d.Err() != nil {
			break
		}
		i.Epochs = append(i.Epochs, d.EpochChange())
	}
	return i
}
