// Package consensus is the consensus of Juno: Raft hardened against Byzantine nodes ("Juno-2P"), as
// a deterministic state machine without clock, goroutine, entropy or I/O of its own.
//
// # Concepts
//
// A Core processes messages whose signatures were verified (Step), ticks (Tick), a notice that
// entries wait to be proposed (Propose), and a notice that a Ready is on disk (Persisted). It
// answers with Readies: what to write, what to send before and after the sync, and what is final.
// Nodes vote twice on every position, once to accept it and once to prepare it. A quorum of the
// second vote is a certificate that anyone can check alone.
//
// # Glossary
//
//	Juno                 PBFT                    HotStuff              Raft
//	term                 view                    view                  term
//	leader of a term     primary                 leader                leader
//	Append               PRE-PREPARE             proposal              AppendEntries
//	vote: accepted       PREPARE                 vote (prepare)        AppendEntries response
//	vote: prepared       COMMIT                  vote (commit)         -
//	prepare certificate  prepared certificate    prepareQC             -
//	commit certificate   committed certificate   commitQC              leader's commit index
//	HighQC               prepared certificate    prepareQC, highQC     last index and term
//	TermChange           timeout                 timeout (pacemaker)   election timeout
//	NewTerm              VIEW-CHANGE             NEW-VIEW              RequestVote response
//	ElectionCertificate  NEW-VIEW                new-view quorum       majority of votes
//	base of a term       NEW-VIEW's last entry   highQC of the leader  leader's last entry
//	checkpoint           stable checkpoint       -                     snapshot
//	sync request         state transfer          catch-up              AppendEntries retry
//	epoch                configuration           -                     configuration
//
// PBFT and HotStuff decide each position by itself; a vote of Juno, like an acknowledgement of
// Raft, covers the whole chain up to its position. A TermChange is a message of its own, as in
// DiemBFT: f+1 make a node join, and a quorum ends the term.
//
// # Guarantees
//
// With at most f Byzantine voters of n, f = (n-1)/3 rounded down, no two correct nodes ever call
// different entries final. The host must keep the order that Ready documents: no message leaves
// before what it promises is synced. The rules that comments name (N5, E3, Y3, …) are those of
// docs/SPECIFICATION.md.
//
// # Where to begin
//
// core.go lists all state and dispatches messages. append.go and accept.go are the follower's part
// of normal operation, propose.go the leader's; vote.go sends and keeps votes, commit.go counts
// them. termchange.go ends a term, election.go begins the next one. sync.go, fetch.go and adopt.go
// catch up; checkpoint.go, epoch.go, halt.go and evidence.go are what their names say. record.go
// holds what is on disk, restore.go reads it, ready.go is the interface to the host.
//
// # What it does not do
//
// It verifies no signatures, opens no files and knows nothing of accounts: a Validator validates
// payloads, a Log reads what was written, and the host does the rest.
package consensus
