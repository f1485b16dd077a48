package juno

import "testing"

func TestDetectLanguage(t *testing.T) {
	for _, row := range []struct {
		text string
		want Language
	}{
		{"CreateAccount a", LanguageAdmin},
		{"  AdjustAccount a 1%1", LanguageAdmin},
		{"ObserveAccounts", LanguageAdmin},
		{"ObserveAccount\ta", LanguageAdmin},
		{"CreateCurrency USD 2", LanguageAdmin},
		{"CommandInputQuery 7", LanguageAdmin},
		{"CreateAccount a##CODEtransfer(a->b, 1%1)", LanguageAdmin},
		{"CreateAccounts", LanguageHopper},
		{"createaccount a", LanguageHopper},
		{"transfer(", LanguageHoplite},
		{" \ttransfer(a->b, 1%1)", LanguageHoplite},
		{"data##CODEtransfer(a->b, 1%1)", LanguageHoplite},
		{"data##CODEanything", LanguageHoplite},
		{"transfer (a->b, 1%1)", LanguageHopper},
		{"transfer! (a->b, 1%1)", LanguageHopper},
		{`(#transfer "a" "b" (% 1 1) "x")`, LanguageHoplite},
		{`(let ((x ( #+ 1 2))) x)`, LanguageHoplite},
		{`(transfer! "a" "(#b" "USD" 1)`, LanguageHopper},
		{`(transfer! "a\"(#b" 1) (#+ 1 2)`, LanguageHoplite},
		{`(f "a\"" "(#b")`, LanguageHopper},
		{"; (#transfer\n(f 1)", LanguageHopper},
		{"; nothing\n(#transfer 1)", LanguageHoplite},
		{`(f "open`, LanguageHopper},
		{"SELECT 1", LanguageHopper},
		{"", LanguageHopper},
	} {
		if got := DetectLanguage(row.text); got != row.want {
			t.Errorf("%q is in language %d, want %d", row.text, got, row.want)
		}
	}
}
