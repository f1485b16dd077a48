package sql

import "juno"

// ledgerTables returns the tables of the ledger. Their names and columns are a contract with users.
func ledgerTables() []*tableInfo {
	return []*tableInfo{
		accountsTable(), accountChangesTable(), currenciesTable(), transfersTable(),
		postingsTable(), commandsTable(), logTable(), proofsTable(), keysTable(), nodesTable(),
		snapshotsTable(), evidenceTable(), deniedTable(), settingsTable(),
	}
}

// accountFields are the columns of an account; history has them too.
func accountFields[R any](of func(*R) *AccountRow) []field[R] {
	return []field[R]{
		f("name", kindText, pushName, "name of the account",
			func(o *result, r *R) { o.text(of(r).Name) }),
		f("currency", kindText, pushCurrency, "what the balance is in",
			func(o *result, r *R) { o.string(of(r).Currency) }),
		f("balance", kindExact, pushNone, "exact balance",
			func(o *result, r *R) { o.amount(of(r).Balance) }),
		f("balance_minor", kindInteger, pushNone, "balance in the currency's smallest unit",
			func(o *result, r *R) { o.minor(of(r).Balance, of(r).Scale) }),
		f("owner_key", kindText, pushNone, "key that may spend from the account",
			func(o *result, r *R) { o.keyID(of(r).OwnerKey) }),
		f("floor", kindExact, pushNone, "the balance never goes below it; NULL: no floor",
			func(o *result, r *R) {
				if of(r).HasFloor {
					o.amount(of(r).Floor)
				} else {
					o.null()
				}
			}),
		f("status", kindText, pushNone, "open, frozen or closed",
			func(o *result, r *R) { o.text(of(r).Status) }),
		f("opened_index", kindIndex, pushNone, "log index it was opened at",
			func(o *result, r *R) { o.index(of(r).OpenedIndex) }),
		f("opened_at", kindInstant, pushNone, "when it was opened",
			func(o *result, r *R) { o.time(of(r).OpenedAt) }),
		f("updated_index", kindIndex, pushNone, "log index of the last change",
			func(o *result, r *R) { o.index(of(r).UpdatedIndex) }),
		f("updated_at", kindInstant, pushNone, "when it last changed",
			func(o *result, r *R) { o.time(of(r).UpdatedAt) }),
		f("version", kindInteger, pushNone, "number of changes",
			func(o *result, r *R) { o.unsigned(of(r).Version) }),
	}
}

func accountsTable() *tableInfo {
	return table(tableInfo{
		name: "accounts", doc: "balances, one row per account and currency",
		key:   "name, currency, as_of",
		order: []string{"name", "currency"}, unique: [][]string{{"name", "currency"}},
		perEntry: 0.2, few: 2,
	}, accountFields(func(r *AccountRow) *AccountRow { return r }),
		func(v View, s *scan) (Cursor[AccountRow], error) {
			scan := AccountScan{
				Name: s.name, Currency: s.currency,
				NameFrom: s.nameFrom, NameTo: s.nameTo, RowsHint: s.RowsHint,
			}
			if s.name != "" {
				return s.run.accounts.read(v, scan)
			}
			return v.Accounts(scan)
		})
}

func accountChangesTable() *tableInfo {
	type row = AccountChangeRow
	fields := append(accountFields(func(r *row) *AccountRow { return &r.AccountRow }),
		f("change", kindText, pushNone, "created or changed",
			func(o *result, r *row) { o.text(r.Change) }),
		f("delta", kindExact, pushNone, "balance after minus balance before",
			func(o *result, r *row) { o.amount(r.Delta) }),
		f("log_index", kindIndex, pushIndex, "entry that made the change",
			func(o *result, r *row) { o.index(r.LogIndex) }),
		f("actor", kindText, pushNone, "who signed the command",
			func(o *result, r *row) { o.text(r.Actor) }),
		f("committed_at", kindInstant, pushTime, "commit time of the entry",
			func(o *result, r *row) { o.time(r.CommittedAt) }),
	)
	return table(tableInfo{
		name: "accounts_history", doc: "every change of every account, one row each",
		key: "name, currency, version, log_index, as_of", order: []string{"log_index"},
		backward: true, perEntry: 2, few: 100,
	}, fields, func(v View, s *scan) (Cursor[row], error) {
		return v.AccountChanges(AccountChangeScan{
			Range: s.Range, Name: s.name,
			Currency: s.currency,
		})
	})
}

func currenciesTable() *tableInfo {
	type row = CurrencyRow
	return table(tableInfo{
		name: "currencies", doc: "what balances are counted in",
		key: "name, as_of", order: []string{"name"}, few: 1,
	}, []field[row]{
		f("name", kindText, pushNone, "name of the currency",
			func(o *result, r *row) { o.string(r.Name) }),
		f("scale", kindInteger, pushNone, "decimal places it fixes; NULL: any amount goes",
			func(o *result, r *row) {
				if r.Scale == ScaleNone {
					o.null()
				} else {
					o.integer(int64(r.Scale))
				}
			}),
		f("issuer", kindText, pushNone, "issuance account",
			func(o *result, r *row) { o.text(r.Issuer) }),
		f("supply", kindExact, pushNone, "what the issuer has put into circulation",
			func(o *result, r *row) { o.amount(r.Supply) }),
		f("created_index", kindIndex, pushNone, "log index it was created at",
			func(o *result, r *row) { o.index(r.CreatedIndex) }),
	}, func(v View, s *scan) (Cursor[row], error) { return v.Currencies() })
}

func transfersTable() *tableInfo {
	type row = TransferRow
	return table(tableInfo{
		name: "transfers", doc: "every movement of money from one account to another",
		key: "log_index, op, as_of", order: []string{"log_index", "op"}, backward: true,
		perEntry: 1, few: 100,
	}, []field[row]{
		f("transfer_id", kindText, pushTransfer, "name of the transfer",
			func(o *result, r *row) { o.text(r.TransferID) }),
		f("log_index", kindIndex, pushIndex, "entry that made the transfer",
			func(o *result, r *row) { o.index(r.LogIndex) }),
		f("op", kindInteger, pushNone, "place within its command",
			func(o *result, r *row) { o.integer(int64(r.Op)) }),
		f("source", kindText, pushSource, "account the money left",
			func(o *result, r *row) { o.text(r.Source) }),
		f("target", kindText, pushTarget, "account the money reached",
			func(o *result, r *row) { o.text(r.Target) }),
		f("currency", kindText, pushNone, "what the amount is in",
			func(o *result, r *row) { o.string(r.Currency) }),
		f("amount", kindExact, pushNone, "exact amount",
			func(o *result, r *row) { o.amount(r.Amount) }),
		f("amount_minor", kindInteger, pushNone, "amount in the currency's smallest unit",
			func(o *result, r *row) { o.minor(r.Amount, r.Scale) }),
		f("kind", kindText, pushNone, "what sort of movement it is",
			func(o *result, r *row) { o.text(r.Kind) }),
		f("reference", kindText, pushNone, "the client's own reference",
			func(o *result, r *row) { o.text(r.Reference) }),
		f("memo", kindText, pushNone, "the client's remark",
			func(o *result, r *row) { o.text(r.Memo) }),
		f("actor", kindText, pushNone, "who signed the command",
			func(o *result, r *row) { o.text(r.Actor) }),
		f("committed_at", kindInstant, pushTime, "commit time of the entry",
			func(o *result, r *row) { o.time(r.CommittedAt) }),
	}, func(v View, s *scan) (Cursor[row], error) {
		return v.Transfers(TransferScan{
			Range: s.Range, TransferID: s.transfer, Source: s.source,
			Target: s.target,
		})
	})
}

func postingsTable() *tableInfo {
	type row = PostingRow
	return table(tableInfo{
		name: "postings", doc: "double entry: one debit and one credit per transfer",
		key:   "log_index, op, side, account, as_of",
		order: []string{"log_index", "op"}, backward: true, perEntry: 2, few: 100,
		costly: "balance_after",
	}, []field[row]{
		f("log_index", kindIndex, pushIndex, "entry that made the posting",
			func(o *result, r *row) { o.index(r.LogIndex) }),
		f("op", kindInteger, pushNone, "place within its command",
			func(o *result, r *row) { o.integer(int64(r.Op)) }),
		f("transfer_id", kindText, pushTransfer, "transfer it belongs to",
			func(o *result, r *row) { o.text(r.TransferID) }),
		f("account", kindText, pushAccount, "account it is posted to",
			func(o *result, r *row) { o.text(r.Account) }),
		f("currency", kindText, pushNone, "what the amount is in",
			func(o *result, r *row) { o.string(r.Currency) }),
		f("side", kindText, pushNone, "D for debit (money leaves), C for credit",
			func(o *result, r *row) { o.side(r.Side) }),
		f("amount", kindExact, pushNone, "exact amount, never negative",
			func(o *result, r *row) { o.amount(r.Amount) }),
		f("balance_after", kindExact, pushNone, "balance of the account after it",
			func(o *result, r *row) { o.amount(r.BalanceAfter) }),
		f("actor", kindText, pushNone, "who signed the command",
			func(o *result, r *row) { o.text(r.Actor) }),
		f("committed_at", kindInstant, pushTime, "commit time of the entry",
			func(o *result, r *row) { o.time(r.CommittedAt) }),
	}, func(v View, s *scan) (Cursor[row], error) {
		return v.Postings(PostingScan{
			Range: s.Range, TransferID: s.transfer, Account: s.account,
			NoBalance: s.cheap,
		})
	})
}

func settingsTable() *tableInfo {
	type row = SettingRow
	return table(tableInfo{
		name: "settings", doc: "settings of the ledger", key: "name, as_of",
		order: []string{"name"},
	}, []field[row]{
		f("name", kindText, pushNone, "name of the setting",
			func(o *result, r *row) { o.string(r.Name) }),
		f("value", kindText, pushNone, "its value",
			func(o *result, r *row) { o.string(r.Value) }),
		f("set_index", kindIndex, pushNone, "log index it was set at",
			func(o *result, r *row) { o.index(r.SetIndex) }),
	}, func(v View, s *scan) (Cursor[row], error) { return v.Settings() })
}

// commandsTable: (client, request_id) names at most one command.
func commandsTable() *tableInfo {
	type row = CommandRow
	return table(tableInfo{
		name: "commands", doc: "every command of every client, and what became of it",
		key: "log_index, as_of", order: []string{"log_index"}, backward: true,
		unique: [][]string{{"log_index"}, {"client", "request_id"}}, perEntry: 1, few: 1000,
	}, []field[row]{
		f("log_index", kindIndex, pushIndex, "entry that holds the command",
			func(o *result, r *row) { o.index(r.LogIndex) }),
		f("client", kindText, pushClient, "who sent it",
			func(o *result, r *row) { o.text(r.Client) }),
		f("key_id", kindText, pushNone, "key it was signed with",
			func(o *result, r *row) { o.keyID(r.KeyID) }),
		f("request_id", kindInteger, pushRequest, "the client's own number for it",
			func(o *result, r *row) { o.unsigned(uint64(r.RequestID)) }),
		f("kind", kindText, pushNone, "what sort of command it is",
			func(o *result, r *row) { o.text(r.Kind) }),
		f("body", kindText, pushNone, "its text", func(o *result, r *row) { o.text(r.Body) }),
		f("status", kindText, pushNone, "applied or refused",
			func(o *result, r *row) { o.text(r.Status) }),
		f("error_code", kindText, pushNone, "why it was refused",
			func(o *result, r *row) { o.text(r.ErrorCode) }),
		f("result", kindText, pushNone, "what the client was answered",
			func(o *result, r *row) { o.text(r.Result) }),
		f("cost", kindInteger, pushNone, "steps it took",
			func(o *result, r *row) { o.unsigned(r.Cost) }),
		f("committed_at", kindInstant, pushTime, "commit time of the entry",
			func(o *result, r *row) { o.time(r.CommittedAt) }),
	}, func(v View, s *scan) (Cursor[row], error) {
		return v.Commands(CommandScan{Range: s.Range, Client: s.client, Request: s.request})
	})
}

// nodeText shows a node as its directory is called.
func nodeText(o *result, n juno.NodeID) {
	if n == 0 {
		o.null()
		return
	}
	o.string(n.String())
}
