package state

import (
	"fmt"
	"unicode/utf8"

	"juno"
)

// Values of elements. Each has one encoding; a parser accepts nothing else. All but Balance begin
// with a version byte; a balance is written twice per transfer and stays as short as it can be.
const valueVersion = 1

// Account is one account.
type Account struct {
	Owner string // the client that made it; it alone may debit it, unless Public
	// Floor is whether the balance may not fall below zero, in any currency.
	Floor bool
	// Public accounts may be debited by anybody: those of a ledger that is open.
	Public  bool
	Created juno.Index  // entry that made it; 0 for those of the genesis
	Opened  juno.Millis // time of that entry
}

const (
	accountFloor  = 1
	accountPublic = 2
)

// AppendAccount appends the canonical bytes of a: version (1), flags (1: bit 0 floor, bit 1
// public), created (uvarint), opened (uvarint), owner (text).
func AppendAccount(b []byte, a *Account) []byte {
	flags := byte(0)
	if a.Floor {
		flags |= accountFloor
	}
	if a.Public {
		flags |= accountPublic
	}
	b = juno.AppendUvarint(append(b, valueVersion, flags), uint64(a.Created))
	b = juno.AppendUvarint(b, uint64(a.Opened))
	return juno.AppendText(b, a.Owner)
}

// ParseAccount reads what AppendAccount wrote.
func ParseAccount(value []byte) (Account, error) {
	a, owner, err := decodeAccount(value)
	a.Owner = string(owner)
	return a, err
}

// decodeAccount is ParseAccount without a copy of the owner's name: it runs twice per transfer.
func decodeAccount(value []byte) (a Account, owner []byte, err error) {
	d := juno.NewDecoder(value)
	d.Version(valueVersion, "account")
	flags := d.U8()
	if flags > accountFloor|accountPublic {
		d.Fail("account with flags %d", flags)
	}
	a.Floor, a.Public = flags&accountFloor != 0, flags&accountPublic != 0
	a.Created, a.Opened = juno.Index(d.Uvarint()), millis(d)
	if owner = d.Bytes(juno.NameBytesMax); !utf8.Valid(owner) {
		d.Fail("owner %q", owner)
	}
	return a, owner, done(d, "account")
}

// Balance is what an account holds in one currency.
type Balance struct {
	Amount  juno.Amount
	Changes uint64 // how many entries touched it so far, this value's own included
}

// AppendBalance appends the canonical bytes of v: amount (juno.AppendAmount), changes (uvarint).
func AppendBalance(b []byte, v Balance) []byte {
	return juno.AppendUvarint(juno.AppendAmount(b, v.Amount), v.Changes)
}

// ParseBalance reads what AppendBalance wrote.
func ParseBalance(value []byte) (v Balance, err error) {
	d := juno.NewDecoder(value)
	v.Amount, v.Changes = d.Amount(), d.Uvarint()
	if v.Changes == 0 {
		d.Fail("balance that never changed")
	}
	return v, done(d, "balance")
}

// ScaleAny is the scale of a currency whose amounts may be any rational number.
const ScaleAny int8 = -1

// Currency is one currency. Its supply is not kept twice: it is what IssuanceAccount owes.
type Currency struct {
	Scale   int8   // decimal places, 0 to juno.MinorScaleMax, or ScaleAny
	Issuer  string // the client that made it; empty for DefaultCurrency
	Created juno.Index
}

// AppendCurrency appends the canonical bytes of c: version (1), scale (1: 255 for any), created
// (uvarint), issuer (text).
func AppendCurrency(b []byte, c *Currency) []byte {
	b = juno.AppendUvarint(append(b, valueVersion, byte(c.Scale)), uint64(c.Created))
	return juno.AppendText(b, c.Issuer)
}

// ParseCurrency reads what AppendCurrency wrote.
func ParseCurrency(value []byte) (c Currency, err error) {
	d := juno.NewDecoder(value)
	d.Version(valueVersion, "currency")
	c.Scale, c.Created = int8(d.U8()), juno.Index(d.Uvarint())
	if c.Scale < ScaleAny || c.Scale > juno.MinorScaleMax {
		d.Fail("currency with scale %d", c.Scale)
	}
	c.Issuer = d.Text(juno.NameBytesMax)
	return c, done(d, "currency")
}

// Ledger is what the genesis fixed for ever.
type Ledger struct {
	Cluster juno.ClusterID
	Open    bool
	Created juno.Millis
}

// AppendLedger appends the canonical bytes of l: version (1), cluster (32), open (1), created
// (uvarint).
func AppendLedger(b []byte, l *Ledger) []byte {
	b = append(append(b, valueVersion), l.Cluster[:]...)
	return juno.AppendUvarint(juno.AppendBool(b, l.Open), uint64(l.Created))
}

// ParseLedger reads what AppendLedger wrote.
func ParseLedger(value []byte) (l Ledger, err error) {
	d := juno.NewDecoder(value)
	d.Version(valueVersion, "ledger")
	l.Cluster, l.Open, l.Created = d.Hash(), d.Bool(), millis(d)
	return l, done(d, "ledger")
}

// AppendKeyRecord appends the value of a key record: version (1), juno.AppendKeyRecord.
func AppendKeyRecord(b []byte, r juno.KeyRecord) []byte {
	return juno.AppendKeyRecord(append(b, valueVersion), r)
}

// ParseKeyRecord reads what AppendKeyRecord wrote.
func ParseKeyRecord(value []byte) (r juno.KeyRecord, err error) {
	d := juno.NewDecoder(value)
	d.Version(valueVersion, "key record")
	r = d.KeyRecord()
	return r, done(d, "key record")
}

// ParseConfig reads the value of the membership, which is juno.AppendConfig's.
func ParseConfig(value []byte) (*juno.EpochConfig, error) {
	d := juno.NewDecoder(value)
	c := d.Config()
	return c, done(d, "membership")
}

// Mode says whether the ledger takes commands.
type Mode struct {
	Halted bool
	Nonce  uint64     // of the newest order; the next one has a higher one
	Set    juno.Index // entry of that order, 0 for none
}

// AppendMode appends the canonical bytes of m: version (1), halted (1), nonce (uvarint), set
// (uvarint).
func AppendMode(b []byte, m Mode) []byte {
	b = juno.AppendBool(append(b, valueVersion), m.Halted)
	return juno.AppendUvarint(juno.AppendUvarint(b, m.Nonce), uint64(m.Set))
}

// ParseMode reads what AppendMode wrote.
func ParseMode(value []byte) (m Mode, err error) {
	d := juno.NewDecoder(value)
	d.Version(valueVersion, "mode")
	m.Halted, m.Nonce, m.Set = d.Bool(), d.Uvarint(), juno.Index(d.Uvarint())
	return m, done(d, "mode")
}

// Progress says how far the log is folded into the state.
type Progress struct {
	Index juno.Index  // the newest entry that is in the state
	Time  juno.Millis // of that entry, or of the genesis
	// Trace is a rolling hash over the results and the changes of all entries so far. Two ledgers
	// whose traces agree at an index did the same at every index up to it.
	Trace juno.Hash
	// BatchHead is the entry of a client's batch of which BatchLeft commands are still to come;
	// both 0 between batches.
	BatchHead juno.Index
	BatchLeft int
}

// AppendProgress appends the canonical bytes of p: version (1), index (uvarint), time (uvarint),
// trace (32), batch head (uvarint), batch left (uvarint).
func AppendProgress(b []byte, p *Progress) []byte {
	b = juno.AppendUvarint(append(b, valueVersion), uint64(p.Index))
	b = append(juno.AppendUvarint(b, uint64(p.Time)), p.Trace[:]...)
	return juno.AppendUvarint(juno.AppendUvarint(b, uint64(p.BatchHead)), uint64(p.BatchLeft))
}

// ParseProgress reads what AppendProgress wrote.
func ParseProgress(value []byte) (p Progress, err error) {
	d := juno.NewDecoder(value)
	d.Version(valueVersion, "progress")
	p.Index, p.Time, p.Trace = juno.Index(d.Uvarint()), millis(d), d.Hash()
	p.BatchHead, p.BatchLeft = juno.Index(d.Uvarint()), d.Count(juno.BatchCommandsMax)
	if (p.BatchHead == 0) != (p.BatchLeft == 0) || p.BatchHead > p.Index {
		d.Fail("batch at entry %d with %d commands to come", p.BatchHead, p.BatchLeft)
	}
	return p, done(d, "progress")
}

// millis reads a time as the log knows it: never before 1970.
func millis(d *juno.Decoder) juno.Millis {
	t := juno.Millis(d.Uvarint())
	if t < 0 {
		d.Fail("time %d", t)
		return 0
	}
	return t
}

// done ends the reading of a value and names it in the error.
func done(d *juno.Decoder, what string) error {
	if err := d.Done(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
