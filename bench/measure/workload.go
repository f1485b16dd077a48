package measure

// The accounts of the workload.
const (
	Accounts = 1000
	Opening  = 1_000_000 // units in each account before the clock starts
)

// Pair is one transfer of one unit.
type Pair struct{ From, To int }

// Pairs draws transfers; equal seeds draw equal transfers on every system.
// It is not safe for concurrent use: every client has its own.
type Pairs struct{ state uint64 }

// NewPairs starts a sequence. Client c uses seed c+1.
func NewPairs(seed uint64) *Pairs { return &Pairs{state: seed} }

// Next draws two different accounts.
func (p *Pairs) Next() Pair {
	from := int(p.draw() % Accounts)
	to := int(p.draw() % (Accounts - 1))
	if to >= from {
		to++
	}
	return Pair{From: from, To: to}
}

// Below draws a number in [0, n).
func (p *Pairs) Below(n uint64) uint64 { return p.draw() % n }

// draw is SplitMix64 (Steele, Lea, Flood 2014): small, fast, the same everywhere.
func (p *Pairs) draw() uint64 {
	p.state += 0x9e3779b97f4a7c15
	z := p.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
