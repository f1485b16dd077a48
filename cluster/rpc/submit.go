package rpc

import "juno"

// Submission is what one signature covers: a command or a key change by itself, or the head of a
// batch with the payloads of its commands.
type Submission struct {
	Type     juno.EntryType // EntryCommand, EntryKeyOp or EntryBatchHead
	Payload  []byte
	Commands [][]byte // for a batch
}

// Submit hands in commands, in this order. The node answers only for those that it does not take,
// with Verdicts; the others are answered, by every node, when they are executed.
//
// Body: number of submissions (uvarint), then for each its entry type (1), payload (bytes), and if
// it is a batch the number of commands (uvarint) and their payloads (bytes each).
type Submit struct{ Items []Submission }

func (*Submit) requestKind() RequestKind { return KindSubmit }

func (s *Submit) appendTo(b []byte) []byte {
	b = juno.AppendUvarint(b, uint64(len(s.Items)))
	for i := range s.Items {
		b = AppendSubmission(b, &s.Items[i])
	}
	return b
}

// AppendSubmission appends one submission as Submit has it.
func AppendSubmission(b []byte, s *Submission) []byte {
	b = juno.AppendBytes(append(b, byte(s.Type)), s.Payload)
	if s.Type != juno.EntryBatchHead {
		return b
	}
	b = juno.AppendUvarint(b, uint64(len(s.Commands)))
	for _, c := range s.Commands {
		b = juno.AppendBytes(b, c)
	}
	return b
}

// SubmissionBytes returns how many bytes AppendSubmission takes at most.
func SubmissionBytes(s *Submission) int {
	n := 1 + 4 + len(s.Payload) + 4
	for _, c := range s.Commands {
		n += 4 + len(c)
	}
	return n
}

// submissionBytesMin is what the shortest submission takes.
const submissionBytesMin = 2

func decodeSubmit(d *juno.Decoder) *Submit {
	n := d.Count(SubmitItemsMax)
	if d.Err() == nil && n == 0 {
		d.Fail("nothing is submitted")
	}
	s := &Submit{Items: make([]Submission, 0, min(n, d.Rest()/submissionBytesMin))}
	for i := 0; i < n && d.Err() == nil; i++ {
		s.Items = append(s.Items, decodeSubmission(d))
	}
	return s
}

func decodeSubmission(d *juno.Decoder) (s Submission) {
	s.Type = juno.EntryType(d.U8())
	s.Payload = d.Bytes(juno.EntryPayloadBytesMax)
	switch s.Type {
	case juno.EntryCommand, juno.EntryKeyOp:
		return s
	case juno.EntryBatchHead:
	default:
		d.Fail("clients cannot submit entries of type %s", s.Type)
		return s
	}
	n := d.Count(juno.BatchCommandsMax)
	s.Commands = make([][]byte, 0, min(n, d.Rest()))
	for i := 0; i < n && d.Err() == nil; i++ {
		s.Commands = append(s.Commands, d.Bytes(juno.EntryPayloadBytesMax))
	}
	return s
}

// Answers is what a node says of commands that it has executed.
//
// Body: juno.AppendAnswerSheet.
type Answers struct{ Sheet *juno.AnswerSheet }

func (*Answers) responseKind() ResponseKind { return KindAnswers }

func (a *Answers) appendTo(b []byte) []byte { return juno.AppendAnswerSheet(b, a.Sheet) }

// Verdict says of the requests [First, First+Count) why the node did not take them, or, of an Ask,
// that they are not in its log.
type Verdict struct {
	First juno.RequestID
	Count int // 1, or of a batch all its commands
	Code  Code
	Text  string
}

// Verdicts answers a Submit or an Ask, once or several times, and not for everything.
//
// Body: the newest index that the node has executed (8), number of verdicts (uvarint), then for
// each first request (uvarint), count (uvarint), code (1), text (text).
type Verdicts struct {
	Upto  juno.Index
	Items []Verdict
}

func (*Verdicts) responseKind() ResponseKind { return KindVerdicts }

func (v *Verdicts) appendTo(b []byte) []byte {
	b = juno.AppendUvarint(juno.AppendU64(b, uint64(v.Upto)), uint64(len(v.Items)))
	for i := range v.Items {
		x := &v.Items[i]
		b = juno.AppendUvarint(juno.AppendUvarint(b, uint64(x.First)), uint64(x.Count))
		b = juno.AppendText(append(b, byte(x.Code)), clip(x.Text))
	}
	return b
}

func decodeVerdicts(d *juno.Decoder) *Verdicts {
	v := &Verdicts{Upto: juno.Index(d.U64())}
	for range d.Count(SubmitItemsMax) {
		if d.Err() != nil {
			break
		}
		x := Verdict{First: juno.RequestID(d.Uvarint()), Count: d.Count(juno.BatchCommandsMax)}
		x.Code, x.Text = Code(d.U8()), d.Text(textBytesMax)
		if d.Err() == nil && (!x.Code.Valid() || x.First == 0 || x.Count == 0) {
			d.Fail("verdict %d on %d requests from %d", x.Code, x.Count, x.First)
		}
		v.Items = append(v.Items, x)
	}
	return v
}

// Ask asks what became of requests of the session's client. The node answers with Answers for
// those that it has executed, and a Verdict, CodeMissing, for each of the others.
//
// Body: count (uvarint), then the request ids (uvarint each).
type Ask struct{ Requests []juno.RequestID }

func (*Ask) requestKind() RequestKind { return KindAsk }

func (a *Ask) appendTo(b []byte) []byte {
	b = juno.AppendUvarint(b, uint64(len(a.Requests)))
	for _, r := range a.Requests {
		b = juno.AppendUvarint(b, uint64(r))
	}
	return b
}

func decodeAsk(d *juno.Decoder) *Ask {
	a := &Ask{}
	for range d.Count(AskRequestsMax) {
		if d.Err() != nil {
			break
		}
		r := juno.RequestID(d.Uvarint())
		if r == 0 {
			d.Fail("request id 0")
		}
		a.Requests = append(a.Requests, r)
	}
	return a
}
