package audit

import (
	"fmt"
	"maps"
	"slices"

	"juno"
	"juno/db/state"
)

// CheckBalances is the name of the check of balances against postings.
const CheckBalances = "balances"

// balancesFunc yields balances in any order.
type balancesFunc = func(yield func(account, currency string, amount juno.Amount) bool) error

// books adds up the postings of every account.
type books struct {
	finding juno.Finding
	below   state.View
	// posted holds, under the key of a balance, what the account holds by its postings, and the
	// entry of the last one: amount, index (uvarint).
	posted *Memory
	key    []byte
	value  []byte
}

func newBooks(below state.View, o *Options) *books {
	return &books{
		finding: juno.Finding{Check: CheckBalances, From: o.StateAt.Index + 1, OK: true},
		below:   below,
		posted:  NewMemory(),
	}
}

// entry posts the movements of a command.
func (b *books) entry(e *juno.Entry, r *juno.Result) error {
	if e.Type != juno.EntryCommand {
		return nil
	}
	c, err := juno.ParseCommand(e.Payload)
	if err != nil {
		return nil // it moved nothing; the check of signatures says what is wrong
	}
	ops := state.Operations(&c, r)
	for i := range ops {
		op := &ops[i]
		if err := b.post(op.Source, op.Currency, op.Amount.Neg(), e.Index); err != nil {
			return err
		}
		if err := b.post(op.Target, op.Currency, op.Amount, e.Index); err != nil {
			return err
		}
		b.finding.Items += 2
	}
	return nil
}

func (b *books) post(name, currency string, amount juno.Amount, index juno.Index) error {
	before, _, _, err := b.holds(name, currency)
	if err != nil {
		return err
	}
	after, err := before.Add(amount)
	if err != nil {
		keep(&b.finding, fault{index, "a balance of at most 512 bits", "more", "account " + name})
	}
	b.value = juno.AppendUvarint(juno.AppendAmount(b.value[:0], after), uint64(index))
	b.posted.Put(b.key, b.value)
	return nil
}

// holds returns what an account holds by its postings, the entry of the last one, and whether
// there was any.
func (b *books) holds(
	name, currency string,
) (amount juno.Amount, last juno.Index, posted bool, err error) {
	b.key = state.AppendBalanceKey(b.key[:0], name, currency)
	value, _ := b.posted.Get(b.key)
	if value != nil {
		d := juno.NewDecoder(value)
		return d.Amount(), juno.Index(d.Uvarint()), true, d.Done()
	}
	if value, err = b.below.Get(b.key); err != nil || value == nil {
		return amount, 0, false, err
	}
	v, err := state.ParseBalance(value)
	return v.Amount, 0, false, err
}

// compare compares the books with the balances, and sums both up.
func (b *books) compare(all balancesFunc) error {
	var failed error
	sums := make(map[string]juno.Amount)
	met := 0
	err := all(func(name, currency string, amount juno.Amount) bool {
		var want juno.Amount
		var last juno.Index
		var posted bool
		if want, last, posted, failed = b.holds(name, currency); failed != nil {
			return false
		}
		if posted {
			met++
		}
		if !want.Equal(amount) {
			b.wrong(name, currency, last, want.String(), amount.String())
		}
		sums[currency], failed = sums[currency].Add(amount)
		return failed == nil
	})
	if failed == nil {
		failed = err
	}
	if failed == nil && met != b.posted.count {
		failed = b.missing(all)
	}
	if failed != nil {
		return fmt.Errorf("audit: balances: %w", failed)
	}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		if sum := sums[currency]; sum.Sign() != 0 && b.finding.OK {
			keep(&b.finding, fault{
				b.finding.From, "0", sum.String(),
				"the balances in " + currency + " do not add up to zero",
			})
		}
	}
	return nil
}

// missing finds the accounts that have postings and no balance.
func (b *books) missing(all balancesFunc) error {
	there := make(map[string]bool)
	err := all(func(name, currency string, _ juno.Amount) bool {
		there[string(state.AppendBalanceKey(nil, name, currency))] = true
		return true
	})
	if err != nil {
		return err
	}
	return b.posted.Scan(nil, func(key, value []byte) bool {
		if k, err := state.ParseKey(key); err == nil && !there[string(key)] {
			d := juno.NewDecoder(value)
			amount := d.Amount()
			b.wrong(k.Name, k.Currency, juno.Index(d.Uvarint()), amount.String(), "no such account")
		}
		return true
	})
}

func (b *books) wrong(name, currency string, last juno.Index, expected, actual string) {
	keep(&b.finding, fault{
		max(last, b.finding.From), expected, actual,
		fmt.Sprintf("balance of %s in %s is not what its postings give", name, currency),
	})
}
