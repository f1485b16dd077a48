package main

import (
	"encoding/binary"
	"fmt"

	"juno/bench/measure"
)

// The key-value peers keep the same bytes.
//
//	balance   'b' account(4)  -> units(8)
//	transfer  't' number(8)   -> from(4) to(4) units(8)
//
// All numbers are big-endian.

func balanceKey(account int) []byte {
	return binary.BigEndian.AppendUint32([]byte{'b'}, uint32(account))
}

func transferKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'t'}, number)
}

func units(balance int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(balance))
}

func parseUnits(value []byte) (int64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("balance of %d bytes, want 8", len(value))
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}

func transferValue(p measure.Pair) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(p.From))
	b = binary.BigEndian.AppendUint32(b, uint32(p.To))
	return binary.BigEndian.AppendUint64(b, 1)
}

// keyValues is what a transaction of a key-value peer offers.
type keyValues interface {
	get(key []byte) ([]byte, error)
	set(key, value []byte) error
}

// move moves one unit within a transaction and records it under a number.
func move(tx keyValues, p measure.Pair, number uint64) error {
	for _, side := range []struct {
		account int
		change  int64
	}{{p.From, -1}, {p.To, +1}} {
		key := balanceKey(side.account)
		value, err := tx.get(key)
		if err != nil {
			return err
		}
		balance, err := parseUnits(value)
		if err != nil {
			return err
		}
		if balance+side.change < 0 {
			return fmt.Errorf("account %d holds %d units, too few", side.account, balance)
		}
		if err := tx.set(key, units(balance+side.change)); err != nil {
			return err
		}
	}
	return tx.set(transferKey(number), transferValue(p))
}

// moveAll moves one unit for each pair; the records are numbered from the first number.
func moveAll(tx keyValues, pairs []measure.Pair, first uint64) error {
	for i, p := range pairs {
		if err := move(tx, p, first+uint64(i)); err != nil {
			return err
		}
	}
	return nil
}
