package rpc

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"slices"

	"juno"
)

// Query asks for the rows of one SQL statement. They come as a stream of Rows with an End.
//
// Body: text (text), most rows (uvarint), index (8), only the end (1), arguments (see appendArgs).
// A plain one, which has a kind of request of its own, has no arguments: it is how programs ask
// that are older than arguments and the kinds of columns behind juno.Blob, and it is answered with
// juno.ValueKind.Cells in their place, so that all nodes sign the same, whatever their version.
type Query struct {
	Text    string     // `AS OF` is part of it
	Args    []juno.Arg // none if Plain
	RowsMax int        // 0: the server's limit
	// At is the index that the statement is read at, unless its own AS OF says another: the node
	// waits until it has executed that far. 0: whatever the node has executed.
	At juno.Index
	// EndOnly asks for the End alone, to compare its hash with another node's.
	EndOnly bool
	Plain   bool
}

func (q *Query) requestKind() RequestKind {
	if q.Plain {
		return KindPlainQuery
	}
	return KindQuery
}

func (q *Query) appendTo(b []byte) []byte {
	b = juno.AppendBool(q.appendQuestion(b), q.EndOnly)
	if q.Plain {
		return b
	}
	return appendArgs(b, q.Args)
}

func (q *Query) appendQuestion(b []byte) []byte {
	b = juno.AppendUvarint(juno.AppendText(b, q.Text), uint64(q.RowsMax))
	return juno.AppendU64(b, uint64(q.At))
}

// The tags of the two hashes; none begins the other.
const (
	plainQueryTag = "juno1/query"
	queryTag      = "juno1/typed-query"
)

// Hash names the question in a juno.Reading: its text, its limit, its index and its arguments. An
// answer to the same text with other arguments is an answer to another question.
func (q *Query) Hash() juno.Hash {
	if q.Plain {
		return sha256.Sum256(q.appendQuestion([]byte(plainQueryTag)))
	}
	return sha256.Sum256(appendArgs(q.appendQuestion([]byte(queryTag)), q.Args))
}

func decodeQuery(d *juno.Decoder, plain bool) *Query {
	q := &Query{
		Text: d.Text(QueryBytesMax), RowsMax: d.Count(math.MaxInt32),
		At: juno.Index(d.U64()), EndOnly: d.Bool(), Plain: plain,
	}
	if !plain {
		q.Args = decodeArgs(d)
	}
	return q
}

// columns returns the columns of the answer as the question wants them told.
func (q *Query) columns(all []juno.Column) []juno.Column {
	if !q.Plain {
		return all
	}
	plain := slices.Clone(all)
	for i := range plain {
		plain[i].Kind = plain[i].Kind.Cells()
	}
	return plain
}

// Credit allows a stream to send more frames.
//
// Body: number of the request (uvarint), frames (uvarint).
type Credit struct {
	Of     uint64
	Frames int
}

func (*Credit) requestKind() RequestKind { return KindCredit }

func (c *Credit) appendTo(b []byte) []byte {
	return juno.AppendUvarint(juno.AppendUvarint(b, c.Of), uint64(c.Frames))
}

func decodeCredit(d *juno.Decoder) *Credit {
	return &Credit{Of: d.Uvarint(), Frames: d.Count(CreditMax)}
}

// Cancel gives a request up. There is no answer, nor one to the request any more, except what is
// under way.
//
// Body: number of the request (uvarint).
type Cancel struct{ Of uint64 }

func (*Cancel) requestKind() RequestKind { return KindCancel }

func (c *Cancel) appendTo(b []byte) []byte { return juno.AppendUvarint(b, c.Of) }

// Rows is one frame of an answer.
//
// Body: place in the stream (uvarint), columns (count, then name (text), kind (1) each; none
// unless the place is 0), cells of a row (uvarint), rows (count, then the cells of each). A cell is
// its kind (1), at most juno.Blob, then for integers eight bytes in two's complement, for floats
// the eight bytes of IEEE 754, for texts, exact amounts and blobs their bytes.
type Rows struct {
	Place   int
	Columns []juno.Column
	Width   int // cells of a row: the number of columns of the whole stream
	Cells   []juno.Value
}

func (*Rows) responseKind() ResponseKind { return KindRows }

func (r *Rows) appendTo(b []byte) []byte {
	b = appendColumns(juno.AppendUvarint(b, uint64(r.Place)), r.Columns)
	b = juno.AppendUvarint(b, uint64(r.Width))
	b = juno.AppendUvarint(b, uint64(r.Count()))
	for i := range r.Cells {
		b = appendValue(b, &r.Cells[i])
	}
	return b
}

// Count returns the number of rows.
func (r *Rows) Count() int {
	if r.Width == 0 {
		return 0
	}
	return len(r.Cells) / r.Width
}

// Row returns row i, which aliases Cells.
func (r *Rows) Row(i int) []juno.Value { return r.Cells[i*r.Width : (i+1)*r.Width : (i+1)*r.Width] }

func appendColumns(b []byte, all []juno.Column) []byte {
	b = juno.AppendUvarint(b, uint64(len(all)))
	for _, c := range all {
		b = append(juno.AppendText(b, clip(c.Name)), byte(c.Kind))
	}
	return b
}

func decodeRows(d *juno.Decoder) *Rows {
	r := &Rows{Place: d.Count(math.MaxInt32)}
	for range d.Count(ColumnsMax) {
		if d.Err() != nil {
			break
		}
		r.Columns = append(r.Columns, juno.Column{
			Name: d.Text(textBytesMax), Kind: decodeKind(d, juno.Instant),
		})
	}
	r.Width = d.Count(ColumnsMax)
	n := d.Count(rowsMax)
	if d.Err() == nil && ((len(r.Columns) > 0) != (r.Place == 0 && r.Width > 0) ||
		(r.Place == 0 && len(r.Columns) != r.Width) || (r.Width == 0 && n > 0)) {
		d.Fail("frame %d has %d columns and %d rows of %d cells", r.Place, len(r.Columns), n,
			r.Width)
	}
	// A cell takes a byte at least, so what is left bounds what is allocated.
	cells := n * r.Width
	if cells > d.Rest() {
		d.Fail("%d rows of %d cells in %d bytes", n, r.Width, d.Rest())
		return r
	}
	r.Cells = make([]juno.Value, 0, cells)
	for i := 0; i < cells && d.Err() == nil; i++ {
		r.Cells = append(r.Cells, decodeValue(d))
	}
	return r
}

func decodeKind(d *juno.Decoder, last juno.ValueKind) juno.ValueKind {
	k := juno.ValueKind(d.U8())
	if k > last {
		d.Fail("unknown kind of value %d", k)
	}
	return k
}

func appendValue(b []byte, v *juno.Value) []byte {
	b = append(b, byte(v.Kind))
	switch v.Kind {
	case juno.Integer:
		return juno.AppendU64(b, uint64(v.Integer))
	case juno.Float:
		return juno.AppendU64(b, math.Float64bits(v.Float))
	case juno.Text, juno.Exact:
		return juno.AppendText(b, v.Text)
	case juno.Blob:
		return juno.AppendBytes(b, v.Blob)
	}
	return b
}

func decodeValue(d *juno.Decoder) (v juno.Value) {
	switch v.Kind = decodeKind(d, juno.Blob); v.Kind {
	case juno.Integer:
		v.Integer = int64(d.U64())
	case juno.Float:
		v.Float = math.Float64frombits(d.U64())
	case juno.Text, juno.Exact:
		// SQLite does not promise UTF-8 for what a statement makes of blobs.
		v.Text = string(d.Bytes(CellBytesMax))
	case juno.Blob:
		v.Blob = d.Bytes(CellBytesMax)
	}
	return v
}

const rowsTag = "juno1/rows"

// RowsHash is the hash of an answer as it comes, whatever its frames: "juno1/rows", the columns,
// then of each row a 1 and the cells, and the number of rows (8) with a 0 before it.
type RowsHash struct {
	sum   hash.Hash
	count uint64
	b     []byte
}

// NewRowsHash returns the hash of an answer of these columns without rows.
func NewRowsHash(columns []juno.Column) *RowsHash {
	h := &RowsHash{sum: sha256.New()}
	_, _ = h.sum.Write(appendColumns([]byte(rowsTag), columns)) // a hash never fails to write
	return h
}

// Add adds a row.
func (h *RowsHash) Add(row []juno.Value) {
	h.b = append(h.b[:0], 1)
	for i := range row {
		h.b = appendValue(h.b, &row[i])
	}
	_, _ = h.sum.Write(h.b)
	h.count++
}

// Count returns the number of rows.
func (h *RowsHash) Count() uint64 { return h.count }

// Sum returns the hash. Nothing may be added afterwards.
func (h *RowsHash) Sum() (s juno.Hash) {
	_, _ = h.sum.Write(binary.BigEndian.AppendUint64([]byte{0}, h.count))
	h.sum.Sum(s[:0])
	return s
}

// End is the end of a stream that came to it. Reading is signed over the question, the head and
// RowsHash.
//
// Body: frames (uvarint), rows (uvarint), head (position (40), time (8)), reading
// (juno.AppendReading), certificate (0, or 1 and juno.AppendCertificate).
type End struct {
	Frames  int    // of the stream before it
	Rows    uint64 // in all of them
	Head    juno.Head
	Reading juno.Reading
	// Certificate proves that the head, or a later position, is final; nil where the node has
	// none at hand.
	Certificate *juno.QuorumCertificate
}

func (*End) responseKind() ResponseKind { return KindEnd }

func (e *End) appendTo(b []byte) []byte {
	b = juno.AppendUvarint(juno.AppendUvarint(b, uint64(e.Frames)), e.Rows)
	b = juno.AppendReading(appendHead(b, e.Head), &e.Reading)
	return appendCertificate(b, e.Certificate)
}

func decodeEnd(d *juno.Decoder) *End {
	e := &End{Frames: d.Count(math.MaxInt32), Rows: d.Uvarint(), Head: decodeHead(d)}
	e.Reading, e.Certificate = d.Reading(), decodeCertificate(d)
	return e
}
