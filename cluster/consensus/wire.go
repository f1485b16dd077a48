package consensus

import (
	"fmt"

	"juno"
)

// messageVersion begins every message; it is the version of the whole protocol.
const messageVersion = 1

// MessageBytesMax bounds a message on the wire: a SyncReply with as many entries as may be asked
// for, one batch more, and its certificates.
const MessageBytesMax = syncBytesMax + 8<<20

// Encode returns the canonical bytes of a message: version (1), kind (1), and what the type says.
func Encode(m Message) []byte { return AppendMessage(nil, m) }

// AppendMessage appends what Encode returns.
func AppendMessage(b []byte, m Message) []byte {
	return m.appendTo(append(b, messageVersion, byte(m.Kind())))
}

var decoders = [...]func(*juno.Decoder) Message{
	KindTermChange: decodeTermChange, KindNewTerm: decodeNewTerm, KindAppend: decodeAppend, KindVote: decodeVote,
	KindSyncRequest: decodeSyncRequest, KindSyncReply: decodeSyncReply,
	KindCheckpoint: decodeCheckpoint, KindEvidence: decodeEvidence, KindLeave: decodeLeave,
	KindHalt: decodeHalt, KindRevolution: decodeRevolution,
}

// Decode reads exactly what Encode wrote and refuses everything else. What it returns aliases b,
// and nothing in it is to be believed yet: see Check.
func Decode(b []byte) (Message, error) {
	if len(b) > MessageBytesMax {
		return nil, fmt.Errorf("message: %w: %d bytes, at most %d", juno.ErrMalformed, len(b),
			MessageBytesMax)
	}
	d := juno.NewDecoder(b)
	d.Version(messageVersion, "message")
	kind := MessageKind(d.U8())
	if int(kind) >= len(decoders) || decoders[kind] == nil {
		d.Fail("message of kind %d", kind)
		return nil, fmt.Errorf("message: %w", d.Err())
	}
	m := decoders[kind](d)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return m, nil
}
