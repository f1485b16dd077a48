package state

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"juno"
)

// goldenValues fix the bytes of every value.
var goldenValues = []struct {
	name string
	kind Kind
	got  []byte
	want string
}{
	{"account", KindAccount, AppendAccount(nil, &Account{
		Owner: "alice", Floor: true,
		Created: 300, Opened: 1000,
	}), "0101ac02e80705616c696365"},
	{"public account", KindAccount, AppendAccount(nil, &Account{Public: true}), "0102000000"},
	{"balance", KindBalance, AppendBalance(nil, Balance{juno.NewAmount(1234), 7}), "020004d207"},
	{
		"debt of a third", KindBalance, AppendBalance(nil, Balance{third().Neg(), 300}),
		"81010103ac02",
	},
	{
		"currency", KindCurrency,
		AppendCurrency(nil, &Currency{Scale: 2, Issuer: "ops", Created: 9}),
		"010209036f7073",
	},
	{
		"currency of any scale", KindCurrency, AppendCurrency(nil, &Currency{Scale: ScaleAny}),
		"01ff0000",
	},
	{
		"ledger", KindLedger,
		AppendLedger(nil, &Ledger{Cluster: juno.Hash{1}, Open: true, Created: 5}),
		"01" + "01" + strings.Repeat("00", 31) + "0105",
	},
	{"mode", KindMode, AppendMode(nil, Mode{Halted: true, Nonce: 3, Set: 200}), "010103c801"},
	{
		"progress", KindProgress, AppendProgress(nil, &Progress{
			Index: 10, Time: 20,
			Trace: juno.Hash{9}, BatchHead: 8, BatchLeft: 3,
		}),
		"010a14" + "09" + strings.Repeat("00", 31) + "0803",
	},
}

func third() juno.Amount {
	a, err := juno.NewRatio(1, 3)
	if err != nil {
		panic(err)
	}
	return a
}

// rewrite reads a value and writes it again.
func rewrite(kind Kind, value []byte) ([]byte, error) {
	switch kind {
	case KindAccount:
		v, err := ParseAccount(value)
		return AppendAccount(nil, &v), err
	case KindBalance:
		v, err := ParseBalance(value)
		return AppendBalance(nil, v), err
	case KindCurrency:
		v, err := ParseCurrency(value)
		return AppendCurrency(nil, &v), err
	case KindConfig:
		v, err := ParseConfig(value)
		return juno.AppendConfig(nil, v), err
	case KindLedger:
		v, err := ParseLedger(value)
		return AppendLedger(nil, &v), err
	case KindKey:
		v, err := ParseKeyRecord(value)
		return AppendKeyRecord(nil, v), err
	case KindMode:
		v, err := ParseMode(value)
		return AppendMode(nil, v), err
	case KindProgress:
		v, err := ParseProgress(value)
		return AppendProgress(nil, &v), err
	case KindWindow:
		v, err := ParseWindow(value)
		return AppendWindow(nil, v), err
	}
	return nil, fmt.Errorf("no kind %q", kind)
}

func TestValueBytes(t *testing.T) {
	for _, row := range goldenValues {
		if got := hex.EncodeToString(row.got); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
		again, err := rewrite(row.kind, row.got)
		if err != nil || !bytes.Equal(again, row.got) {
			t.Errorf("%s: read back and written again: %x, %v", row.name, again, err)
		}
		for n := range row.got {
			if _, err := rewrite(row.kind, row.got[:n]); !errors.Is(err, juno.ErrMalformed) {
				t.Errorf("%s cut to %d bytes: %v, want %v", row.name, n, err, juno.ErrMalformed)
			}
		}
		if _, err := rewrite(row.kind, append(bytes.Clone(row.got), 0)); err == nil {
			t.Errorf("%s with a byte behind it is taken", row.name)
		}
	}
}

func TestValuesThatCannotBe(t *testing.T) {
	for _, row := range []struct {
		name  string
		kind  Kind
		value string
	}{
		{"account of a later version", KindAccount, "0201ac02e80705616c696365"},
		{"account with an unknown flag", KindAccount, "010400000161"},
		{"account of an owner that is no text", KindAccount, "01000000" + "01ff"},
		{"account opened before 1970", KindAccount, "010000ffffffffffffffffff0100"},
		{"balance that never changed", KindBalance, "0000" + "00"},
		{"balance with a leading zero", KindBalance, "0200000107"},
		{"balance with a long counter", KindBalance, "00008100"},
		{"currency with 19 places", KindCurrency, "01130000"},
		{"currency with -2 places", KindCurrency, "01fe0000"},
		{"batch without commands", KindProgress, "010a14" + strings.Repeat("00", 32) + "0800"},
		{"commands without batch", KindProgress, "010a14" + strings.Repeat("00", 32) + "0008"},
		{"batch to come", KindProgress, "010a14" + strings.Repeat("00", 32) + "0b08"},
		{"mode neither nor", KindMode, "01020000"},
	} {
		b, err := hex.DecodeString(row.value)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rewrite(row.kind, b); !errors.Is(err, juno.ErrMalformed) {
			t.Errorf("%s: %v, want %v", row.name, err, juno.ErrMalformed)
		}
	}
}

func TestKeyBytes(t *testing.T) {
	id := juno.KeyID{1, 2, 3}
	for _, row := range []struct {
		got  []byte
		want string
		key  ElementKey
	}{
		{AppendAccountKey(nil, "alice"), "aalice", ElementKey{Kind: KindAccount, Name: "alice"}},
		{
			AppendBalanceKey(nil, "alice", "USD"), "balice\x00USD",
			ElementKey{Kind: KindBalance, Name: "alice", Currency: "USD"},
		},
		{AppendCurrencyKey(nil, "USD"), "cUSD", ElementKey{Kind: KindCurrency, Currency: "USD"}},
		{
			AppendKeyKey(nil, id), "k\x01\x02\x03\x00\x00\x00\x00\x00",
			ElementKey{Kind: KindKey, Key: id},
		},
		{AppendWindowKey(nil, "bob"), "wbob", ElementKey{Kind: KindWindow, Name: "bob"}},
		{ConfigKey(), "e", ElementKey{Kind: KindConfig}},
		{LedgerKey(), "g", ElementKey{Kind: KindLedger}},
		{ModeKey(), "m", ElementKey{Kind: KindMode}},
		{ProgressKey(), "p", ElementKey{Kind: KindProgress}},
	} {
		if string(row.got) != row.want {
			t.Errorf("key %q, want %q", row.got, row.want)
		}
		if k, err := ParseKey(row.got); err != nil || k != row.key {
			t.Errorf("key %q: %+v, %v, want %+v", row.got, k, err, row.key)
		}
	}
	for _, bad := range []string{
		"", "a", "a\x00", "b", "balice", "balice\x00", "b\x00USD",
		"balice\x00usd", "balice\x00USD\x00", "c", "c2", "k1234567", "k123456789", "ee", "x",
		"w\xff",
	} {
		if k, err := ParseKey([]byte(bad)); !errors.Is(err, juno.ErrMalformed) {
			t.Errorf("key %q: %+v, %v, want %v", bad, k, err, juno.ErrMalformed)
		}
	}
}

// TestKeysSort checks that balances sort by account first, also where one name begins another.
func TestKeysSort(t *testing.T) {
	ordered := [][]byte{
		AppendBalanceKey(nil, "a", "EUR"), AppendBalanceKey(nil, "a", "USD"),
		AppendBalanceKey(nil, "a b", "EUR"), AppendBalanceKey(nil, "ab", "EUR"),
		AppendBalanceKey(nil, "é", "EUR"),
	}
	for i := range len(ordered) - 1 {
		if bytes.Compare(ordered[i], ordered[i+1]) >= 0 {
			t.Errorf("%q does not sort before %q", ordered[i], ordered[i+1])
		}
	}
}

func TestGenesisElements(t *testing.T) {
	elements, err := Genesis(testGenesis(false))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []byte
	for i, e := range elements {
		kinds = append(kinds, e.Key[0])
		if _, err := ParseKey(e.Key); err != nil {
			t.Error(err)
		}
		again, err := rewrite(KindOf(e.Key), e.Value)
		if err != nil || !bytes.Equal(again, e.Value) {
			t.Errorf("element %q: written again %x, %v", e.Key, again, err)
		}
		if i > 0 && bytes.Compare(elements[i-1].Key, e.Key) >= 0 {
			t.Errorf("element %q behind %q", e.Key, elements[i-1].Key)
		}
	}
	if got, want := string(kinds), "acegkkkmp"; got != want {
		t.Errorf("kinds %s, want %s", got, want)
	}
	bad := testGenesis(false)
	bad.Clients[0].Name = "a\nb"
	if _, err := Genesis(bad); err == nil {
		t.Error("a client whose name has a line feed is taken")
	}
}

func FuzzElement(f *testing.F) {
	for _, row := range goldenValues {
		f.Add([]byte{byte(row.kind)}, row.got)
	}
	elements, err := Genesis(testGenesis(true))
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range elements {
		f.Add(e.Key, e.Value)
	}
	f.Add([]byte("walice"), []byte{1, 9, 1, 0x78})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if k, err := ParseKey(key); err == nil && k.Kind == KindBalance {
			if again := AppendBalanceKey(nil, k.Name, k.Currency); !bytes.Equal(again, key) {
				t.Errorf("key %q written again is %q", key, again)
			}
		}
		if again, err := rewrite(KindOf(key), value); err == nil && !bytes.Equal(again, value) {
			t.Errorf("value %x of %q written again is %x", value, key, again)
		}
	})
}
