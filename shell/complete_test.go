package shell

import (
	"os"
	"strings"
	"testing"

	"juno"
)

func TestComplete(t *testing.T) {
	ledger := newFakeLedger()
	for _, name := range []string{"Acct1", "Acct2", "bob"} {
		ledger.balances[name] = juno.Amount{}
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("audit.sql", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("august", 0o700); err != nil {
		t.Fatal(err)
	}
	c := &completer{ledger: ledger, ctx: t.Context()}
	for _, tc := range []struct{ earlier, text, want string }{
		{"", "cr", "CreateAccount "},
		{"", "OBS", "ObserveAccount|ObserveAccount ,ObserveAccounts"},
		{"", "sel", "select "},
		{"", "SEL", "SELECT "},
		{"", "zzz", ""},
		{"", "AdjustAccount a", "Acct|Acct1,Acct2"},
		{"", "AdjustAccount B", "bob"},
		{"", "CreateAccount a", ""},
		{"", "transfer(bob->a", "Acct|Acct1,Acct2"},
		{"", "transfer(b", "bob"},
		{"", "transfer(bob->Acct1, 1", ""},
		{"", "note##CODEtransfer(bob->b", "bob"},
		{"", "batch test:", ""},
		{"", "SELECT * FROM acc", "accounts|accounts,accounts_history"},
		{"", "SELECT * FROM ACCOUNTS_", "accounts_history"},
		{"SELECT *", "from lo", "log"},
		{"", "SELECT del", "delta"},
		{"", "SELECT curr", "currency"},
		{"", "SELECT * FROM log WHERE log", "log|log,log_index"},
		{"", "SELECT * FROM accounts AS ", "OF "},
		{"", "SELECT * FROM accounts AS OF ti", "timestamp "},
		{"", "SELECT balance('a", "Acct|Acct1',Acct2'"},
		{"SELECT balance('", "a", ""},
		{"", "SELECT bala", "balance|balance,balance("},
		{"", `\for`, `\format `},
		{"", `\format v`, "vertical"},
		{"", `\d LO`, "log"},
		{"", `\i au`, "au|audit.sql,august/"},
		{"", `\nosuch a`, ""},
		{"", `\receipt 1`, ""},
	} {
		got := c.complete(tc.earlier, tc.text)
		text := got.common
		if len(got.choices) > 1 {
			text += "|" + strings.Join(got.choices, ",")
		}
		if text != tc.want {
			t.Errorf("%q: %q, want %q", tc.text, text, tc.want)
		}
	}
}

func TestCompletionList(t *testing.T) {
	c := completion{choices: []string{"a ", "bb", "ccc", "dddd", "e\x1b"}}
	if got, want := c.list(16), "a     dddd\nbb    e␛\nccc\n"; got != want {
		t.Errorf("list:\n%swant:\n%s", got, want)
	}
	wide := completion{choices: []string{strings.Repeat("w", 50)}}
	for width := 20; width < 30; width++ {
		for _, line := range strings.Split(wide.list(width), "\n") {
			if textWidth(line) >= width {
				t.Errorf("width %d: %q", width, line)
			}
		}
	}
}
