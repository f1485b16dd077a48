package sql

import "juno"

// The tables about the log itself, the keys and the cluster.

func logTable() *tableInfo {
	type row = LogRow
	return table(tableInfo{
		name: "log", doc: "the hash-chained log, one row per entry", key: "log_index, as_of",
		order: []string{"log_index"}, backward: true, unique: [][]string{{"log_index"}},
		perEntry: 1,
	}, []field[row]{
		f("log_index", kindIndex, pushIndex, "place in the log, from 1",
			func(o *result, r *row) { o.index(r.LogIndex) }),
		f("term", kindText, pushNone, "epoch and round of the leader",
			func(o *result, r *row) { o.string(r.Term.String()) }),
		f("leader", kindText, pushNone, "node that proposed it",
			func(o *result, r *row) { nodeText(o, r.Leader) }),
		f("kind", kindText, pushNone, "what the entry holds",
			func(o *result, r *row) { o.text(r.Kind) }),
		f("payload_hash", kindText, pushNone, "SHA-256 of the payload",
			func(o *result, r *row) { o.hash(r.PayloadHash) }),
		f("hash", kindText, pushNone, "chain hash at the entry",
			func(o *result, r *row) { o.hash(r.Hash) }),
		f("prev_hash", kindText, pushNone, "chain hash before it",
			func(o *result, r *row) { o.hash(r.PrevHash) }),
		f("bytes", kindInteger, pushNone, "length of the payload",
			func(o *result, r *row) { o.integer(int64(r.Bytes)) }),
		f("committed_at", kindInstant, pushTime, "commit time",
			func(o *result, r *row) { o.time(r.CommittedAt) }),
	}, func(v View, s *scan) (Cursor[row], error) { return v.Log(s.Range) })
}

func proofsTable() *tableInfo {
	type row = ProofRow
	return table(tableInfo{
		name: "proofs", doc: "which node attested which stretch of the log",
		key:   "log_index, node, key_id, covers_from, as_of",
		order: []string{"log_index"}, backward: true, perEntry: 1,
	}, []field[row]{
		f("log_index", kindIndex, pushIndex, "last entry that is attested",
			func(o *result, r *row) { o.index(r.LogIndex) }),
		f("covers_from", kindIndex, pushNone, "first entry that is attested",
			func(o *result, r *row) { o.integer(int64(r.CoversFrom)) }),
		f("node", kindText, pushNone, "who attested",
			func(o *result, r *row) { o.string(r.Node.String()) }),
		f("key_id", kindText, pushNone, "key of the signature",
			func(o *result, r *row) { o.keyIDAlways(r.KeyID) }),
		f("signed_hash", kindText, pushNone, "chain hash that was signed",
			func(o *result, r *row) { o.hash(r.SignedHash) }),
		f("signature", kindText, pushNone, "the signature, hexadecimal",
			func(o *result, r *row) { o.hex(r.Signature[:]) }),
	}, func(v View, s *scan) (Cursor[row], error) { return v.Proofs(s.Range) })
}

func keysTable() *tableInfo {
	type row = KeyRow
	return table(tableInfo{
		name: "keys", doc: "every key that ever was valid, and where in the log",
		key: "key_id, as_of", order: []string{"key_id"},
	}, []field[row]{
		f("key_id", kindText, pushNone, "short name of the key",
			func(o *result, r *row) { o.keyIDAlways(r.KeyID) }),
		f("subject", kindText, pushNone, "whose key it is",
			func(o *result, r *row) { o.text(r.Subject) }),
		f("role", kindText, pushNone, "what it may sign",
			func(o *result, r *row) { o.text(r.Role) }),
		f("public_key", kindText, pushNone, "the key, hexadecimal",
			func(o *result, r *row) { o.hex(r.PublicKey[:]) }),
		f("valid_from_index", kindIndex, pushNone, "first index it is valid at",
			func(o *result, r *row) { o.integer(int64(r.ValidFrom)) }),
		f("valid_to_index", kindIndex, pushNone, "first index it is no longer valid at",
			func(o *result, r *row) { o.index(r.ValidTo) }),
		f("introduced_by", kindText, pushNone, "key that introduced it",
			func(o *result, r *row) { o.keyID(r.IntroducedBy) }),
		f("revoked_by", kindText, pushNone, "key that revoked it",
			func(o *result, r *row) { o.keyID(r.RevokedBy) }),
	}, func(v View, s *scan) (Cursor[row], error) { return v.Keys() })
}

func nodesTable() *tableInfo {
	type row = NodeRow
	return table(tableInfo{
		name: "nodes", doc: "the cluster's members as this node sees them",
	}, []field[row]{
		f("node", kindText, pushNone, "name", func(o *result, r *row) { nodeText(o, r.Node) }),
		f("address", kindText, pushNone, "where it listens",
			func(o *result, r *row) { o.text(r.Address) }),
		f("role", kindText, pushNone, "leader, follower, …",
			func(o *result, r *row) { o.text(r.Role) }),
		f("voting", kindBoolean, pushNone, "1 if it votes",
			func(o *result, r *row) { o.bool(r.Voting) }),
		f("term", kindText, pushNone, "its term",
			func(o *result, r *row) { o.string(r.Term.String()) }),
		f("commit_index", kindIndex, pushNone, "newest entry it knows committed",
			func(o *result, r *row) { o.index(r.CommitIndex) }),
		f("applied_index", kindIndex, pushNone, "newest entry it has applied",
			func(o *result, r *row) { o.index(r.AppliedIndex) }),
		f("hash", kindText, pushNone, "chain hash at its commit index",
			func(o *result, r *row) { o.hash(r.Hash) }),
		f("state_hash", kindText, pushNone, "hash of its state",
			func(o *result, r *row) { o.hash(r.StateHash) }),
		f("last_seen", kindInstant, pushNone, "when it was last heard of",
			func(o *result, r *row) { o.time(r.LastSeen) }),
		f("lag", kindInteger, pushNone, "entries behind",
			func(o *result, r *row) { o.unsigned(r.Lag) }),
	}, func(v View, s *scan) (Cursor[row], error) { return v.Nodes() })
}

func snapshotsTable() *tableInfo {
	type row = juno.SnapshotInfo
	return table(tableInfo{
		name: "snapshots", doc: "the snapshots on this node's disk",
		order: []string{"snapshot_index"},
	}, []field[row]{
		f("snapshot_index", kindIndex, pushNone, "log index it shows",
			func(o *result, r *row) { o.index(r.Index) }),
		f("state_hash", kindText, pushNone, "hash of the state in it",
			func(o *result, r *row) { o.hash(r.StateHash) }),
		f("bytes", kindInteger, pushNone, "size on disk",
			func(o *result, r *row) { o.integer(r.Bytes) }),
		f("signers", kindText, pushNone, "who signed it",
			func(o *result, r *row) { o.text(r.Signer) }),
		f("created_at", kindInstant, pushNone, "when it was made",
			func(o *result, r *row) { o.time(r.Created) }),
		f("path", kindText, pushNone, "where it is", func(o *result, r *row) { o.text(r.Path) }),
	}, func(v View, s *scan) (Cursor[row], error) { return v.Snapshots() })
}

func evidenceTable() *tableInfo {
	type row = EvidenceRow
	return table(tableInfo{
		name: "evidence", doc: "proofs of misbehaviour: two signed statements side by side",
	}, []field[row]{
		f("evidence_id", kindText, pushNone, "name of the record",
			func(o *result, r *row) { o.text(r.EvidenceID) }),
		f("kind", kindText, pushNone, "what was done",
			func(o *result, r *row) { o.text(r.Kind) }),
		f("node", kindText, pushNone, "by whom",
			func(o *result, r *row) { nodeText(o, r.Node) }),
		f("log_index", kindIndex, pushNone, "about which entry",
			func(o *result, r *row) { o.index(r.LogIndex) }),
		f("statement_a", kindText, pushNone, "one statement, hexadecimal",
			func(o *result, r *row) { o.hex(r.StatementA) }),
		f("statement_b", kindText, pushNone, "the other one",
			func(o *result, r *row) { o.hex(r.StatementB) }),
		f("found_at", kindInstant, pushNone, "when it was found",
			func(o *result, r *row) { o.time(r.FoundAt) }),
	}, func(v View, s *scan) (Cursor[row], error) { return v.Evidence() })
}

func deniedTable() *tableInfo {
	type row = DeniedRow
	return table(tableInfo{
		name: "denied", doc: "commands refused before they reached the log",
	}, []field[row]{
		f("at", kindInstant, pushNone, "when", func(o *result, r *row) { o.time(r.At) }),
		f("client", kindText, pushNone, "who sent it",
			func(o *result, r *row) { o.text(r.Client) }),
		f("reason", kindText, pushNone, "why", func(o *result, r *row) { o.text(r.Reason) }),
		f("command_hash", kindText, pushNone, "SHA-256 of the command",
			func(o *result, r *row) { o.hash(r.CommandHash) }),
	}, func(v View, s *scan) (Cursor[row], error) { return v.Denied() })
}
