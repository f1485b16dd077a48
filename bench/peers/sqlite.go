package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"juno/bench/measure"
)

// sqliteStore is a ledger as one would write it in SQL: accounts, transfers, and two postings
// for each transfer with the balance after it, so that the past can be asked for.
// SQLite has one writer and no group commit: every transaction pays for its own sync.
type sqliteStore struct {
	db    *sql.DB
	steps sqliteSteps
}

// sqliteSteps are the prepared statements of one transfer.
type sqliteSteps struct{ change, record, post, asOf *sql.Stmt }

const sqliteSchema = `
CREATE TABLE IF NOT EXISTS accounts (
	id INTEGER PRIMARY KEY,
	balance INTEGER NOT NULL CHECK (balance >= 0)
);
CREATE TABLE IF NOT EXISTS transfers (
	id INTEGER PRIMARY KEY,
	source INTEGER NOT NULL, target INTEGER NOT NULL, units INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS postings (
	account INTEGER NOT NULL, transfer INTEGER NOT NULL,
	units INTEGER NOT NULL, balance INTEGER NOT NULL,
	PRIMARY KEY (account, transfer)
) WITHOUT ROWID;
`

func openSQLite(dir string, _ load) (store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := filepath.Abs(filepath.Join(dir, "ledger.db"))
	if err != nil {
		return nil, err
	}
	options := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(60000)",
	}}
	name := url.URL{Scheme: "file", Path: file, RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // one writer: waiting in Go is fairer and cheaper than SQLITE_BUSY
	if _, err := db.Exec(sqliteSchema); err != nil {
		return nil, err
	}
	s := &sqliteStore{db: db}
	for _, p := range []struct {
		into **sql.Stmt
		text string
	}{
		{&s.steps.change, "UPDATE accounts SET balance = balance + ? " +
			"WHERE id = ? RETURNING balance"},
		{&s.steps.record, "INSERT INTO transfers (source, target, units) VALUES (?, ?, 1)"},
		{&s.steps.post, "INSERT INTO postings (account, transfer, units, balance) " +
			"VALUES (?, ?, ?, ?)"},
		{&s.steps.asOf, "SELECT balance FROM postings WHERE account = ? AND transfer <= ? " +
			"ORDER BY transfer DESC LIMIT 1"},
	} {
		if *p.into, err = db.Prepare(p.text); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *sqliteStore) fund() error {
	_, err := s.db.Exec("WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n "+
		"WHERE id + 1 < ?) INSERT INTO accounts SELECT id, ? FROM n",
		measure.Accounts, measure.Opening)
	return err
}

func (s *sqliteStore) transfer(p measure.Pair) error { return s.batch([]measure.Pair{p}) }

func (s *sqliteStore) batch(pairs []measure.Pair) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	steps := sqliteSteps{
		change: tx.Stmt(s.steps.change),
		record: tx.Stmt(s.steps.record),
		post:   tx.Stmt(s.steps.post),
	}
	for _, p := range pairs {
		if err := steps.move(p); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// move moves one unit within a transaction.
func (steps sqliteSteps) move(p measure.Pair) error {
	done, err := steps.record.Exec(p.From, p.To)
	if err != nil {
		return err
	}
	number, err := done.LastInsertId()
	if err != nil {
		return err
	}
	for _, side := range []struct{ account, change int }{{p.From, -1}, {p.To, +1}} {
		var balance int64
		if err := steps.change.QueryRow(side.change, side.account).Scan(&balance); err != nil {
			return fmt.Errorf("account %d: %w", side.account, err)
		}
		if _, err := steps.post.Exec(side.account, number, side.change, balance); err != nil {
			return err
		}
	}
	return nil
}

func (s *sqliteStore) check() (sum int64, transfers int, err error) {
	err = s.db.QueryRow("SELECT (SELECT sum(balance) FROM accounts), "+
		"(SELECT count(*) FROM transfers)").Scan(&sum, &transfers)
	return sum, transfers, err
}

func (s *sqliteStore) newest() (moment uint64, err error) {
	err = s.db.QueryRow("SELECT max(id) FROM transfers").Scan(&moment)
	return moment, err
}

func (s *sqliteStore) balanceAt(account int, moment uint64) (int64, error) {
	var balance int64
	err := s.steps.asOf.QueryRow(account, moment).Scan(&balance)
	if errors.Is(err, sql.ErrNoRows) {
		return measure.Opening, nil
	}
	return balance, err
}

func (s *sqliteStore) close() error { return s.db.Close() }
