package rpc

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"juno"
)

// RequestKind is the kind of a request.
type RequestKind uint8

// The kinds of requests. The numbers are part of the protocol.
const (
	KindHello      RequestKind = 1
	KindSubmit     RequestKind = 2
	KindAsk        RequestKind = 3
	KindPlainQuery RequestKind = 4 // of programs older than KindQuery
	KindCredit     RequestKind = 5
	KindCancel     RequestKind = 6
	KindPosition   RequestKind = 7
	KindComplete   RequestKind = 8
	KindReceipt    RequestKind = 9
	KindStatus     RequestKind = 10
	KindAdmin      RequestKind = 11
	KindSnapshots  RequestKind = 12
	KindQuery      RequestKind = 13
)

// ResponseKind is the kind of a response.
type ResponseKind uint8

// The kinds of responses. The numbers are part of the protocol.
const (
	KindInfo         ResponseKind = 1
	KindAnswers      ResponseKind = 2
	KindVerdicts     ResponseKind = 3
	KindRows         ResponseKind = 4
	KindEnd          ResponseKind = 5
	KindError        ResponseKind = 6
	KindPositioned   ResponseKind = 7
	KindNames        ResponseKind = 8
	KindChunk        ResponseKind = 9
	KindFacts        ResponseKind = 10
	KindDone         ResponseKind = 11
	KindSnapshotList ResponseKind = 12
)

// Request is what a client sends: *Hello, *Submit, *Ask, *Query, *Credit, *Cancel, *Position,
// *Complete, *Receipt, *Status, *Admin or *Snapshots.
type Request interface {
	requestKind() RequestKind
	appendTo(b []byte) []byte
}

// Response is what a node sends: *Info, *Answers, *Verdicts, *Rows, *End, *Error, *Positioned,
// *Names, *Chunk, *Facts, *Done or *SnapshotList.
type Response interface {
	responseKind() ResponseKind
	appendTo(b []byte) []byte
}

// Header is what every request begins with. Responses carry Session and Number of theirs.
type Header struct {
	Session uint64
	Number  uint64 // from 1; 0 in a response that nobody asked for
	// Timeout is sent in whole milliseconds, at most TimeoutMax; 0: the server's own limit.
	Timeout time.Duration
}

// AppendRequest appends the frame of a request.
func AppendRequest(b []byte, h Header, r Request) []byte {
	b = juno.AppendU64(append(b, Version, byte(r.requestKind())), h.Session)
	ms := min(max(0, h.Timeout), TimeoutMax).Milliseconds()
	b = juno.AppendUvarint(juno.AppendUvarint(b, h.Number), uint64(ms))
	return r.appendTo(b)
}

// AppendResponse appends the frame of a response. The header's Timeout is not sent.
func AppendResponse(b []byte, h Header, r Response) []byte {
	b = juno.AppendU64(append(b, Version, byte(r.responseKind())), h.Session)
	return r.appendTo(juno.AppendUvarint(b, h.Number))
}

// ParseRequest reads what AppendRequest wrote. Bytes in the request alias the frame.
func ParseRequest(frame []byte) (Header, Request, error) {
	d := juno.NewDecoder(frame)
	checkSize(d, frame)
	d.Version(Version, "request")
	kind := RequestKind(d.U8())
	h := Header{Session: d.U64(), Number: d.Uvarint()}
	ms := d.Count(int(TimeoutMax.Milliseconds()))
	h.Timeout = time.Duration(ms) * time.Millisecond
	if d.Err() == nil && h.Number == 0 {
		d.Fail("request number 0")
	}
	var r Request
	if decode := requestDecoders[kind]; decode != nil {
		r = decode(d)
	} else {
		d.Fail("unknown kind of request %d", kind)
	}
	if err := d.Done(); err != nil {
		return h, nil, fmt.Errorf("request: %w", err)
	}
	return h, r, nil
}

// ParseResponse reads what AppendResponse wrote. Bytes in the response alias the frame.
func ParseResponse(frame []byte) (Header, Response, error) {
	d := juno.NewDecoder(frame)
	checkSize(d, frame)
	d.Version(Version, "response")
	kind := ResponseKind(d.U8())
	h := Header{Session: d.U64(), Number: d.Uvarint()}
	var r Response
	if decode := responseDecoders[kind]; decode != nil {
		r = decode(d)
	} else {
		d.Fail("unknown kind of response %d", kind)
	}
	if err := d.Done(); err != nil {
		return h, nil, fmt.Errorf("response: %w", err)
	}
	return h, r, nil
}

func checkSize(d *juno.Decoder, frame []byte) {
	if len(frame) > FrameBytesMax {
		d.Fail("frame of %d bytes, at most %d", len(frame), FrameBytesMax)
	}
}

var requestDecoders = map[RequestKind]func(*juno.Decoder) Request{
	KindHello:      func(d *juno.Decoder) Request { return decodeHello(d) },
	KindSubmit:     func(d *juno.Decoder) Request { return decodeSubmit(d) },
	KindAsk:        func(d *juno.Decoder) Request { return decodeAsk(d) },
	KindPlainQuery: func(d *juno.Decoder) Request { return decodeQuery(d, true) },
	KindQuery:      func(d *juno.Decoder) Request { return decodeQuery(d, false) },
	KindCredit:     func(d *juno.Decoder) Request { return decodeCredit(d) },
	KindCancel:     func(d *juno.Decoder) Request { return &Cancel{Of: d.Uvarint()} },
	KindPosition:   func(d *juno.Decoder) Request { return &Position{Nonce: d.Hash()} },
	KindComplete:   func(d *juno.Decoder) Request { return decodeComplete(d) },
	KindReceipt:    func(d *juno.Decoder) Request { return &Receipt{juno.Index(d.Uvarint())} },
	KindStatus:     func(*juno.Decoder) Request { return &Status{} },
	KindAdmin:      func(d *juno.Decoder) Request { return decodeAdmin(d) },
	KindSnapshots:  func(*juno.Decoder) Request { return &Snapshots{} },
}

var responseDecoders = map[ResponseKind]func(*juno.Decoder) Response{
	KindInfo:         func(d *juno.Decoder) Response { return decodeInfo(d) },
	KindAnswers:      func(d *juno.Decoder) Response { return &Answers{Sheet: d.AnswerSheet()} },
	KindVerdicts:     func(d *juno.Decoder) Response { return decodeVerdicts(d) },
	KindRows:         func(d *juno.Decoder) Response { return decodeRows(d) },
	KindEnd:          func(d *juno.Decoder) Response { return decodeEnd(d) },
	KindError:        func(d *juno.Decoder) Response { return decodeError(d) },
	KindPositioned:   func(d *juno.Decoder) Response { return decodePositioned(d) },
	KindNames:        func(d *juno.Decoder) Response { return decodeNames(d) },
	KindChunk:        func(d *juno.Decoder) Response { return decodeChunk(d) },
	KindFacts:        func(d *juno.Decoder) Response { return decodeFacts(d) },
	KindDone:         func(*juno.Decoder) Response { return &Done{} },
	KindSnapshotList: func(d *juno.Decoder) Response { return decodeSnapshotList(d) },
}

// clip makes words fit a frame: valid UTF-8, and not too many of them.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= textBytesMax {
		return s
	}
	end := textBytesMax
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// appendCertificate appends 0, or 1 and the certificate.
func appendCertificate(b []byte, c *juno.QuorumCertificate) []byte {
	if c == nil {
		return append(b, 0)
	}
	return juno.AppendCertificate(append(b, 1), c)
}

func decodeCertificate(d *juno.Decoder) *juno.QuorumCertificate {
	if !d.Bool() || d.Err() != nil {
		return nil
	}
	return d.Certificate()
}

func appendHead(b []byte, h juno.Head) []byte {
	return juno.AppendU64(juno.AppendPos(b, h.Pos), uint64(h.Time))
}

func decodeHead(d *juno.Decoder) juno.Head {
	return juno.Head{Pos: d.Pos(), Time: juno.Millis(d.U64())}
}
