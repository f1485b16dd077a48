package juno

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Index is the place of an entry in the log. The first entry has index 1; 0 means "none".
type Index uint64

// Term numbers the reigns of leaders. The upper 32 bits are the epoch (the generation of the
// membership), the lower 32 bits the round within it; round 0 of an epoch needs no election.
type Term uint64

// TermOf returns the term of a round in an epoch.
func TermOf(epoch, round uint32) Term { return Term(epoch)<<32 | Term(round) }

// Epoch returns the generation of the membership that the term belongs to.
func (t Term) Epoch() uint32 { return uint32(t >> 32) }

// Round returns the number of the term within its epoch.
func (t Term) Round() uint32 { return uint32(t) }

// String prints epoch and round, "0.3".
func (t Term) String() string {
	b := strconv.AppendUint(nil, uint64(t.Epoch()), 10)
	return string(strconv.AppendUint(append(b, '.'), uint64(t.Round()), 10))
}

// ParseTerm reads what Term.String prints.
func ParseTerm(s string) (Term, error) {
	before, after, _ := strings.Cut(s, ".")
	epoch, err1 := strconv.ParseUint(before, 10, 32)
	round, err2 := strconv.ParseUint(after, 10, 32)
	t := TermOf(uint32(epoch), uint32(round))
	if err1 != nil || err2 != nil || t.String() != s {
		return 0, fmt.Errorf("term %.40q: want epoch and round, as in 0.3", s)
	}
	return t, nil
}

// NodeID names a node for ever: an identity that lost its disk never comes back under the same
// number. 0 means "none".
type NodeID uint32

// String returns "node3", the name of the node's directory and of its log lines.
func (n NodeID) String() string { return "node" + strconv.FormatUint(uint64(n), 10) }

// NodeNames returns the names of nodes as a list for people: "node1, node3".
func NodeNames(ids []NodeID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return strings.Join(names, ", ")
}

// ParseNodeID reads what NodeID.String prints.
func ParseNodeID(s string) (NodeID, error) {
	digits, ok := strings.CutPrefix(s, "node")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n == 0 || NodeID(n).String() != s {
		return 0, fmt.Errorf("node id %.40q: want node1, node2, …", s)
	}
	return NodeID(n), nil
}

// RequestID is a client's own number for a command, from 1. A client never uses one twice for
// two different commands; that is what makes a retry safe.
type RequestID uint64

// Millis is a point in time as the log knows it: milliseconds since 1970-01-01 UTC.
type Millis int64

// Time returns the same instant for the standard library.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// millisLayout is RFC 3339 in UTC with exactly three decimals.
const millisLayout = "2006-01-02T15:04:05.000Z"

// String prints RFC 3339 with milliseconds, "2026-03-31T23:59:59.000Z".
func (m Millis) String() string { return m.Time().Format(millisLayout) }

// ParseMillis reads what Millis.String prints, for the years 0 to 9999.
func ParseMillis(s string) (Millis, error) {
	t, err := time.Parse(millisLayout, s)
	if m := Millis(t.UnixMilli()); err == nil && m.String() == s {
		return m, nil
	}
	return 0, fmt.Errorf("time %.40q: want milliseconds in UTC, as in 2026-03-31T23:59:59.000Z", s)
}

// HashBytes is the length of every hash in Juno: SHA-256.
const HashBytes = 32

// Hash is a SHA-256 value. The zero Hash means "none".
type Hash [HashBytes]byte

// String returns all 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Short returns the first eight digits, for people.
func (h Hash) Short() string { return hex.EncodeToString(h[:4]) }

// ParseHash reads what Hash.String prints.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if err := parseHex(h[:], s); err != nil {
		return Hash{}, fmt.Errorf("hash %.80q: %w", s, err)
	}
	return h, nil
}

// parseHex fills b from exactly 2*len(b) lower-case hexadecimal digits.
func parseHex(b []byte, s string) error {
	if len(s) == 2*len(b) && strings.IndexFunc(s, upperCase) < 0 {
		if _, err := hex.Decode(b, []byte(s)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("want %d lower-case hexadecimal digits", 2*len(b))
}

func upperCase(r rune) bool { return 'A' <= r && r <= 'F' }

// ClusterID is the hash of the genesis configuration. It is h_0 of the chain and part of every
// signature, so nothing that was said in one cluster means anything in another.
type ClusterID = Hash

// Pos is one place in one history: the index of an entry and the chain hash at it.
// Two equal positions have equal histories behind them.
type Pos struct {
	Index Index
	Hash  Hash
}

// String prints index and a short hash, "4711/3fa0c1d2".
func (p Pos) String() string { return fmt.Sprintf("%d/%s", p.Index, p.Hash.Short()) }
