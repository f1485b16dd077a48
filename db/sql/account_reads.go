package sql

import "juno"

// accountReads remembers accounts that a statement looks up by name. A join of all transfers with
// their accounts reads the same few balances over and over, and the state at an index never
// changes. A statement that reads few accounts pays nothing for it.
type accountReads struct {
	reads int
	rows  map[accountRead][]AccountRow
	total int // rows remembered
}

// accountRead is one lookup.
type accountRead struct {
	at             juno.Index
	name, currency string
}

const (
	// readsBefore is how many lookups a statement makes before any is remembered.
	readsBefore = 16
	// readsMax bounds the rows remembered, at some 300 bytes each.
	readsMax = 1 << 15
)

// read returns the accounts of one name, and of one currency if the scan has it.
func (c *accountReads) read(v View, s AccountScan) (Cursor[AccountRow], error) {
	if c.reads++; c.reads <= readsBefore {
		return v.Accounts(s)
	}
	key := accountRead{v.Index(), s.Name, s.Currency}
	if rows, known := c.rows[key]; known {
		return &inMemory[AccountRow]{rows}, nil
	}
	cursor, err := v.Accounts(s)
	if err != nil {
		return nil, err
	}
	defer cursor.Close()
	var rows []AccountRow
	for {
		row, err := cursor.Next()
		if err != nil {
			return nil, err
		}
		if row == nil {
			break
		}
		rows = append(rows, *row)
	}
	if c.rows == nil || c.total > readsMax {
		c.rows, c.total = map[accountRead][]AccountRow{}, 0
	}
	c.rows[key] = rows
	c.total += len(rows) + 1
	return &inMemory[AccountRow]{rows}, nil
}
