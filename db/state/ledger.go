package state

import (
	"errors"
	"strings"

	"juno"
)

// slot is one account, in the currency of the command that touches it.
type slot struct {
	name    string
	exists  bool
	created bool // by this command
	owner   []byte
	floor   bool
	public  bool

	before  []byte // value of the balance element before the command
	balance Balance
}

// execute carries a statement out, or refuses it and changes nothing.
func (r *run) execute(st *Statement) (juno.Result, error) {
	r.m.slots = r.m.slots[:0]
	result, err := accepted, error(nil)
	switch st.Verb {
	case VerbTransfer, VerbPrimitive:
		err = r.transfer(st)
	case VerbAdjust:
		err = r.adjust(st)
	case VerbCreateAccount:
		err = r.createAccount(st)
	case VerbCreateCurrency:
		err = r.createCurrency(st)
	case VerbObserve:
		result.Value, err = r.observe(st.Accounts[0])
	case VerbObserveAll:
		result.Value, err = r.observeAll()
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		r.fx.Ops = r.fx.Ops[:0]
		return refusal.Result(), nil
	}
	if err != nil {
		return juno.Result{}, err
	}
	r.writeSlots(st.Currency)
	return result, nil
}

// writeSlots turns what the command did to accounts into writes.
func (r *run) writeSlots(currency string) {
	for i := range r.m.slots {
		s := &r.m.slots[i]
		if s.created {
			account := Account{
				Owner: r.client, Floor: s.floor, Public: s.public,
				Created: r.entry.Index, Opened: r.entry.Time,
			}
			r.fx.write(AppendAccountKey(r.m.key[:0], s.name), nil,
				AppendAccount(r.m.value[:0], &account))
		}
		s.balance.Changes++
		r.fx.write(AppendBalanceKey(r.m.key[:0], s.name, currency), s.before,
			AppendBalance(r.m.value[:0], s.balance))
	}
}

// reserved reports whether an account name belongs to the system: its own accounts, the vaults of
// contracts, and the principals that a key owns by itself.
func reserved(name string) bool {
	return strings.HasPrefix(name, "sys:") || strings.HasPrefix(name, "v:") ||
		strings.HasPrefix(name, "k:")
}

func refuseReserved(name string) *Refusal {
	return refuse(juno.CodeReserved, "account %s: names that begin with sys:, v: or k: are the "+
		"system's", name)
}

// slot returns the place in r.m.slots of an account, which it reads on first touch.
func (r *run) slot(name, currency string) (int, error) {
	for i := range r.m.slots {
		if r.m.slots[i].name == name {
			return i, nil
		}
	}
	s := slot{name: name}
	value, err := r.view.Get(AppendAccountKey(r.m.key[:0], name))
	if err != nil {
		return 0, err
	}
	if value != nil {
		account, owner, err := decodeAccount(value)
		if err != nil {
			return 0, err
		}
		s.exists, s.owner, s.floor, s.public = true, owner, account.Floor, account.Public
		if s.before, err = r.view.Get(AppendBalanceKey(r.m.key[:0], name, currency)); err != nil {
			return 0, err
		}
	}
	if s.before != nil {
		if s.balance, err = ParseBalance(s.before); err != nil {
			return 0, err
		}
	}
	r.m.slots = append(r.m.slots, s)
	return len(r.m.slots) - 1, nil
}

// open reports whether the ledger is open, the prototype's way.
func (r *run) open() (bool, error) {
	value, err := r.view.Get(keyLedger)
	if err != nil {
		return false, err
	}
	l, err := ParseLedger(value)
	return l.Open, err
}

// currency looks a currency up and refuses an amount that is finer than it allows.
func (r *run) currency(code string, amount juno.Amount) error {
	value, err := r.view.Get(AppendCurrencyKey(r.m.key[:0], code))
	if err != nil {
		return err
	}
	if value == nil {
		return refuse(juno.CodeCurrency, "no currency %s; an operator makes it with "+
			"CreateCurrency %s 2", code, code)
	}
	c, err := ParseCurrency(value)
	if err != nil {
		return err
	}
	if c.Scale != ScaleAny && !amount.HasScale(uint8(c.Scale)) {
		return refuse(juno.CodeScale, "%s has %d decimal places, %s is finer",
			code, c.Scale, amount)
	}
	return nil
}

// transfer moves the amount along the route, hop by hop.
func (r *run) transfer(st *Statement) error {
	for _, name := range st.Accounts {
		if reserved(name) {
			return refuseReserved(name)
		}
	}
	if err := r.currency(st.Currency, st.Amount); err != nil {
		return err
	}
	r.fx.Ops = st.AppendOps(r.fx.Ops)
	for i := range r.fx.Ops {
		op := &r.fx.Ops[i]
		source, err := r.endpoint(op.Source, st)
		if err != nil {
			return err
		}
		target, err := r.endpoint(op.Target, st)
		if err != nil {
			return err
		}
		from := &r.m.slots[source]
		if !from.public && string(from.owner) != r.client {
			return refuse(juno.CodeAuth, "account %s belongs to %s, %s may not debit it",
				op.Source, from.owner, r.client)
		}
		if err := r.move(source, target, op); err != nil {
			return err
		}
	}
	return nil
}

// endpoint returns the slot of one end of a hop. In a ledger that is open, transfer(…) makes the
// accounts that are missing; #transfer never does.
func (r *run) endpoint(name string, st *Statement) (int, error) {
	i, err := r.slot(name, st.Currency)
	if err != nil || r.m.slots[i].exists {
		return i, err
	}
	open := false
	if st.Verb == VerbTransfer {
		if open, err = r.open(); err != nil {
			return 0, err
		}
	}
	if !open {
		return 0, refuse(juno.CodeAccount, "no account %s; make it with CreateAccount", name)
	}
	r.create(i, true)
	return i, nil
}

// create makes the account of a slot, owned by the signer.
func (r *run) create(i int, open bool) {
	s := &r.m.slots[i]
	s.exists, s.created, s.owner = true, true, []byte(r.client)
	s.public, s.floor = open, !open
}

// move debits one slot and credits another one, which may be the same.
func (r *run) move(source, target int, op *Op) error {
	from := &r.m.slots[source]
	left, err := from.balance.Amount.Sub(op.Amount)
	if err != nil {
		return refuseRange(op.Source, op)
	}
	if from.floor && left.Sign() < 0 {
		return refuse(juno.CodeFunds, "%s holds %s %s and cannot pay %s, %s is missing",
			op.Source, from.balance.Amount, op.Currency, op.Amount, left.Neg())
	}
	from.balance.Amount = left
	to := &r.m.slots[target]
	sum, err := to.balance.Amount.Add(op.Amount)
	if err != nil {
		return refuseRange(op.Target, op)
	}
	to.balance.Amount = sum
	return nil
}

func refuseRange(account string, op *Op) *Refusal {
	return refuse(juno.CodeNumSize, "the balance of %s in %s would need more than %d bits",
		account, op.Currency, juno.AmountBitsMax)
}

// adjust issues money to an account or redeems it, against the issuance account.
func (r *run) adjust(st *Statement) error {
	name := st.Accounts[0]
	if reserved(name) {
		return refuseReserved(name)
	}
	if err := r.operator("adjust a balance"); err != nil {
		return err
	}
	if err := r.currency(st.Currency, st.Amount); err != nil {
		return err
	}
	account, err := r.slot(name, st.Currency)
	if err != nil {
		return err
	}
	if !r.m.slots[account].exists {
		return refuse(juno.CodeAccount, "no account %s; make it with CreateAccount", name)
	}
	issuance, err := r.slot(IssuanceAccount, st.Currency)
	if err != nil {
		return err
	}
	r.fx.Ops = st.AppendOps(r.fx.Ops)
	op := &r.fx.Ops[0]
	if op.Kind == OpIssue {
		return r.move(issuance, account, op)
	}
	return r.move(account, issuance, op)
}

// operator refuses a signer who is no operator, unless the ledger is open.
func (r *run) operator(deed string) error {
	if r.signer.Role == juno.RoleOperator {
		return nil
	}
	open, err := r.open()
	if err != nil || open {
		return err
	}
	return refuse(juno.CodeAuth, "%s is a %s; only an operator may %s",
		r.client, r.signer.Role, deed)
}

func (r *run) createAccount(st *Statement) error {
	name := st.Accounts[0]
	if reserved(name) {
		return refuseReserved(name)
	}
	key := AppendAccountKey(r.m.key[:0], name)
	value, err := r.view.Get(key)
	if err != nil {
		return err
	}
	if value != nil {
		return refuse(juno.CodeExists, "account %s exists already", name)
	}
	open, err := r.open()
	if err != nil {
		return err
	}
	account := Account{
		Owner: r.client, Floor: !open, Public: open,
		Created: r.entry.Index, Opened: r.entry.Time,
	}
	r.fx.write(key, nil, AppendAccount(r.m.value[:0], &account))
	return nil
}

func (r *run) createCurrency(st *Statement) error {
	if err := r.operator("make a currency"); err != nil {
		return err
	}
	key := AppendCurrencyKey(r.m.key[:0], st.Currency)
	value, err := r.view.Get(key)
	if err != nil {
		return err
	}
	if value != nil {
		return refuse(juno.CodeExists, "currency %s exists already", st.Currency)
	}
	c := Currency{Scale: st.Scale, Issuer: r.client, Created: r.entry.Index}
	r.fx.write(key, nil, AppendCurrency(r.m.value[:0], &c))
	return nil
}
