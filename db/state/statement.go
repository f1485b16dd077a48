package state

import (
	"strings"

	"juno"
)

// Verb says what a statement does.
type Verb uint8

// The verbs.
const (
	VerbCreateAccount  Verb = iota // CreateAccount NAME
	VerbCreateCurrency             // CreateCurrency CODE SCALE
	VerbAdjust                     // AdjustAccount NAME AMOUNT [CURRENCY]
	VerbObserve                    // ObserveAccount NAME
	VerbObserveAll                 // ObserveAccounts
	VerbTransfer                   // [DATA##CODE]transfer(NAME->NAME…, AMOUNT [CURRENCY])
	VerbPrimitive                  // [DATA##CODE](#transfer "NAME" "NAME" (% n d) "LABEL")
)

var verbNames = [...]string{
	juno.VerbCreateAccount, juno.VerbCreateCurrency, juno.VerbAdjust, juno.VerbObserve,
	juno.VerbObserveAll, "transfer", "#transfer",
}

// String returns the verb as it is written.
func (v Verb) String() string {
	if int(v) < len(verbNames) {
		return verbNames[v]
	}
	return "unknown"
}

// Statement is the text of a command, understood. Its strings are parts of that text.
type Statement struct {
	Verb     Verb
	Accounts []string    // the route of a transfer, or the one account; none for ObserveAccounts
	Currency string      // of Amount, or the one to be made; DefaultCurrency where none is named
	Amount   juno.Amount // negative only for VerbAdjust
	Scale    int8        // VerbCreateCurrency
	Label    string      // VerbPrimitive
	Memo     string      // what stands before ##CODE
}

// String returns the one canonical text of the statement: Parse of it gives the statement again.
func (st *Statement) String() string {
	var b strings.Builder
	if st.Memo != "" {
		b.WriteString(st.Memo)
		b.WriteString(juno.CodeMark)
	}
	switch st.Verb {
	case VerbTransfer:
		b.WriteString(juno.VerbTransfer)
		for i, name := range st.Accounts {
			if i > 0 {
				b.WriteString(routeArrow)
			}
			b.WriteString(quoteName(name))
		}
		b.WriteString(", " + amountText(st.Amount, st.Currency) + ")")
	case VerbPrimitive:
		b.WriteString("(" + primitiveTransfer)
		for _, name := range st.Accounts {
			b.WriteString(" " + quote(name))
		}
		ratio := strings.Replace(st.Amount.Ratio(), "%", " ", 1)
		b.WriteString(" (% " + ratio + ") " + quote(st.Label) + ")")
	case VerbCreateCurrency:
		b.WriteString(st.Verb.String() + " " + st.Currency + " " + scaleText(st.Scale))
	case VerbAdjust:
		b.WriteString(st.Verb.String() + " " + quoteName(st.Accounts[0]) + " ")
		b.WriteString(amountText(st.Amount, st.Currency))
	default:
		b.WriteString(st.Verb.String())
		for _, name := range st.Accounts {
			b.WriteString(" " + quoteName(name))
		}
	}
	return b.String()
}

// amountText prints the prototype's form for its currency, and decimals for all others.
func amountText(a juno.Amount, currency string) string {
	if currency == DefaultCurrency {
		return a.Ratio()
	}
	return a.String() + " " + currency
}

// quoteName quotes a name only where it would be read as something else.
func quoteName(name string) string {
	if strings.ContainsAny(name, " \"(),") || strings.Contains(name, routeArrow) ||
		strings.HasSuffix(name, "-") {
		return quote(name)
	}
	return name
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func quote(s string) string { return `"` + quoter.Replace(s) + `"` }

func scaleText(scale int8) string {
	if scale == ScaleAny {
		return scaleAnyWord
	}
	return juno.NewAmount(int64(scale)).String()
}
