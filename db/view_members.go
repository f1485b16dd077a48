package db

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"juno"
	"juno/db/sql"
	"juno/db/state"
)

// epochsAt returns the memberships that are known at the view, oldest first.
func (v *view) epochsAt() []epoch {
	all := *v.l.epochs.Load()
	n := len(all)
	for n > 1 && all[n-1].from > v.at+1 {
		n--
	}
	return all[:n]
}

// Keys returns the keys of clients, and those of the nodes and administrators of every membership
// that the history holds, in order of their ids.
func (v *view) Keys() (sql.Cursor[sql.KeyRow], error) {
	records, err := v.l.store.keyRecords(v.at)
	if err != nil {
		return nil, err
	}
	var rows []sql.KeyRow
	for _, r := range records {
		rows = append(rows, keyRow(r))
	}
	members, err := v.memberKeys()
	if err != nil {
		return nil, err
	}
	rows = append(rows, members...)
	slices.SortStableFunc(rows, func(a, b sql.KeyRow) int {
		return bytes.Compare(a.KeyID[:], b.KeyID[:])
	})
	return rowsOf(v, rows, nil)
}

func keyRow(r juno.KeyRecord) sql.KeyRow {
	return sql.KeyRow{
		KeyID: r.ID, Subject: r.Subject, Role: r.Role.String(), PublicKey: r.Public,
		ValidFrom: r.From, ValidTo: r.Until, IntroducedBy: r.IntroducedBy, RevokedBy: r.RevokedBy,
	}
}

// memberKeys returns one row per stretch of memberships that a key of a node or an administrator
// belongs to. A membership counts for the entries after the one that brought it.
func (v *view) memberKeys() ([]sql.KeyRow, error) {
	var rows []sql.KeyRow
	current := make(map[juno.KeyID]int) // row of a key of the newest membership
	for _, e := range v.epochsAt() {
		ring, err := e.config.Keyring(v.l.cluster)
		if err != nil {
			return nil, damaged(v.l.store.dir, err)
		}
		before := current
		current = make(map[juno.KeyID]int)
		for _, r := range ring.Records() {
			i, stays := before[r.ID]
			if !stays {
				i = len(rows)
				r.From = e.from
				rows = append(rows, keyRow(r))
			}
			current[r.ID] = i
			delete(before, r.ID)
		}
		for _, i := range before {
			rows[i].ValidTo = e.from
		}
	}
	return rows, nil
}

// Nodes returns the members at the view.
func (v *view) Nodes() (sql.Cursor[sql.NodeRow], error) {
	epochs := v.epochsAt()
	config := epochs[len(epochs)-1].config
	live := make(map[juno.NodeID]sql.NodeRow)
	if known := v.l.options.Tables.Nodes; known != nil && v.l.present(v.at) {
		rows, err := known(v.ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			live[r.Node] = r
		}
	}
	var rows []sql.NodeRow
	for i, m := range slices.Concat(config.Voters, config.Observers) {
		row := live[m.ID]
		row.Node, row.Address, row.Voting = m.ID, m.Address, i < len(config.Voters)
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b sql.NodeRow) int { return cmp.Compare(a.Node, b.Node) })
	return rowsOf(v, rows, nil)
}

// Settings returns what the genesis and the membership fix, in byte order of name.
func (v *view) Settings() (sql.Cursor[sql.SettingRow], error) {
	ledger, _, err := parsed(v.l.store, state.LedgerKey(), v.at, state.ParseLedger)
	if err != nil {
		return nil, err
	}
	mode, _, err := parsed(v.l.store, state.ModeKey(), v.at, state.ParseMode)
	if err != nil {
		return nil, err
	}
	epochs := v.epochsAt()
	e := epochs[len(epochs)-1]
	c, since := e.config, e.from-1
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return rowsOf(v, []sql.SettingRow{
		{Name: "admin_threshold", Value: strconv.Itoa(c.AdminThreshold), SetIndex: since},
		{Name: "checkpoint_every", Value: number(c.CheckpointEvery), SetIndex: since},
		{Name: "cluster", Value: ledger.Cluster.String()},
		{Name: "created_at", Value: ledger.Created.String()},
		{Name: "epoch", Value: number(uint64(c.Epoch)), SetIndex: since},
		{Name: "first_leader", Value: c.FirstLeader.String(), SetIndex: since},
		{Name: "halted", Value: strconv.FormatBool(mode.Halted), SetIndex: mode.Set},
		{Name: "open", Value: strconv.FormatBool(ledger.Open)},
		{Name: "quorum", Value: strconv.Itoa(c.Quorum()), SetIndex: since},
		{Name: "voters", Value: strconv.Itoa(len(c.Voters)), SetIndex: since},
	}, nil)
}

// Snapshots returns the snapshots of states up to the view.
func (v *view) Snapshots() (sql.Cursor[juno.SnapshotInfo], error) {
	if v.l.options.Tables.Snapshots == nil {
		return rowsOf[juno.SnapshotInfo](v, nil, nil)
	}
	rows, err := v.l.options.Tables.Snapshots(v.ctx)
	rows = slices.DeleteFunc(rows, func(r juno.SnapshotInfo) bool { return r.Index > v.at })
	return rowsOf(v, rows, err)
}

// Evidence returns the misbehaviour found up to the view.
func (v *view) Evidence() (sql.Cursor[sql.EvidenceRow], error) {
	if v.l.options.Tables.Evidence == nil {
		return rowsOf[sql.EvidenceRow](v, nil, nil)
	}
	rows, err := v.l.options.Tables.Evidence(v.ctx)
	if !v.l.present(v.at) {
		rows = slices.DeleteFunc(rows, func(r sql.EvidenceRow) bool { return r.LogIndex > v.at })
	}
	return rowsOf(v, rows, err)
}

// Denied returns the commands that were refused before they reached the log, up to the time of
// the view.
func (v *view) Denied() (sql.Cursor[sql.DeniedRow], error) {
	if v.l.options.Tables.Denied == nil {
		return rowsOf[sql.DeniedRow](v, nil, nil)
	}
	rows, err := v.l.options.Tables.Denied(v.ctx)
	if err != nil || v.l.present(v.at) {
		return rowsOf(v, rows, err)
	}
	t, err := v.l.times.at(v.at)
	rows = slices.DeleteFunc(rows, func(r sql.DeniedRow) bool { return r.At > t })
	return rowsOf(v, rows, err)
}
