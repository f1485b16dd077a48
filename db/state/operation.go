package state

import "juno"

// OpKind says what a movement of money is.
type OpKind uint8

// The kinds of movements.
const (
	OpTransfer OpKind = iota // from one account to another
	OpIssue                  // AdjustAccount upwards: from IssuanceAccount
	OpRedeem                 // AdjustAccount downwards: to IssuanceAccount
)

// String returns "transfer", "issue" or "redeem", as the transfers table shows it.
func (k OpKind) String() string {
	switch k {
	case OpTransfer:
		return "transfer"
	case OpIssue:
		return "issue"
	case OpRedeem:
		return "redeem"
	}
	return "unknown"
}

// Op is one movement of money: Amount, never negative, from Source to Target. It is a debit of
// Source and a credit of Target.
type Op struct {
	Number   int // place within the command, from 0
	Kind     OpKind
	Source   string
	Target   string
	Currency string
	Amount   juno.Amount
	Label    string // reference: the last argument of #transfer, or the prototype's constant
	Memo     string // what stands before ##CODE
}

// Operations returns the movements of money that a command made, given its result: none if it was
// refused. They follow from the text alone, so nothing has to be stored or executed again. The
// strings are parts of the command's text.
func Operations(c *juno.Command, r *juno.Result) []Op {
	if r.Status != juno.StatusOK {
		return nil
	}
	st, refusal := Parse(c.Language, c.Text)
	if refusal != nil {
		return nil
	}
	return st.AppendOps(nil)
}

// AppendOps appends the movements that the statement makes if it is not refused.
func (st *Statement) AppendOps(ops []Op) []Op {
	switch st.Verb {
	case VerbTransfer, VerbPrimitive:
		for i := range len(st.Accounts) - 1 {
			ops = append(ops, Op{
				Number: i, Source: st.Accounts[i], Target: st.Accounts[i+1],
				Currency: st.Currency, Amount: st.Amount, Label: st.Label, Memo: st.Memo,
			})
		}
	case VerbAdjust:
		op := Op{
			Kind: OpIssue, Source: IssuanceAccount, Target: st.Accounts[0],
			Currency: st.Currency, Amount: st.Amount.Abs(),
		}
		if st.Amount.Sign() < 0 {
			op.Kind, op.Source, op.Target = OpRedeem, op.Target, op.Source
		}
		ops = append(ops, op)
	}
	return ops
}
