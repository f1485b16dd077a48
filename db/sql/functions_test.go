package sql

import "testing"

func TestFunctionUsages(t *testing.T) {
	want := map[string]string{
		"round": "round(x [, y])", "balance": "balance(x [, y [, z]])", "count": "count([x])",
		"coalesce": "coalesce(x, y …)", "last_index": "last_index()", "min": "min(x …)",
		"ed25519_verify": "ed25519_verify(x, y, z)", "char": "char(…)",
	}
	seen := 0
	for _, f := range FunctionUsages() {
		if usage, ok := want[f.Name]; ok {
			seen++
			if f.Usage != usage {
				t.Errorf("%s: %s, want %s", f.Name, f.Usage, usage)
			}
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d functions listed", seen, len(want))
	}
}
