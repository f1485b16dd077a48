// Package sim runs whole clusters in virtual time and tries to break them.
//
// # What it is
//
// A World is a cluster of real cores (package consensus) with the real wire format, the real log
// (package wal) on a disk that lies, the real state machine (package db/state), clients,
// administrators, and an adversary, on one goroutine and without a clock. Everything random in it
// comes from one seed, so a run is a function of its Plan, and PlanOf makes a plan from a seed:
// size of the cluster, limits of the core, weather of the network, faults and what the adversary
// does are all drawn.
//
// A run has two parts. First things go wrong: messages are lost, late, doubled and overtaken;
// nodes freeze, or crash and lose what they did not sync; the network falls apart; the membership
// changes; administrators halt and resume the ledger; and an adversarial scheduler strikes at the
// worst moments, when a node has just formed a certificate, voted, reported or committed. Then all
// of this ends, but the adversary stays what it is, and the cluster has to make progress.
//
// # The adversary
//
// Up to f nodes belong to one mind. It sees every message that a correct node sends, at once, and
// signs with the keys of its own nodes only. Its nodes live in styles (silent, obedient, twins that
// share one key, a core with a broken rule, selective, tardy, miser), and beside that it makes
// moves: it leads terms with several elections at a time, votes for every fork, reports stale
// certificates or such that claim less than was voted for, makes up commits, states, evidence and
// farewells, answers who misses something with the wrong chain, goes on behind the end of an epoch,
// replays, and sends noise.
//
// # Invariants
//
// An oracle looks at what correct nodes sign, commit and execute, after each of their steps:
//
//	I1    what correct nodes commit is one history
//	I2    a commit index never shrinks, and nothing that was executed is truncated
//	I3    what a node accepts, and signs as leader, in a term only grows
//	I4    a node's log holds the position of its highest certificate
//	I5    after a report for a term nothing is signed for an older one, restarts or not
//	I6    nothing is sent before what it promises is on disk
//	I7    no certificates can exist that contradict each other (see below)
//	I8    no request is in the history twice
//	I9    the state after an entry is the same everywhere
//	I10   an epoch begins at the same entry everywhere, with the same members
//	I11   evidence convicts nodes of the adversary only
//	I12   nothing grows without bound: messages on their way, messages said by a node
//	I13   what a client believes is what the history says
//	alarm no correct node finds anything that only an operator could mend
//	live  after healing every correct node commits more, and every command of before is answered
//	panic no correct core panics
//
// I7 is the strongest. It does not wait for a fork but asks after every signature what the
// adversary could put together now, counting every vote that a correct node ever signed, sent or
// not, and giving the adversary all its own votes for free: two prepare certificates of a term on
// two chains; a prepare certificate of a later term that does not hold what an older one can have
// committed; an election of a later term that begins below or beside it; a commit that no quorum
// can have prepared.
//
// # What it does not do
//
// It models no real network stack and no goroutines: packages zmq and cluster are tested by
// themselves. A clean campaign is evidence and not proof; the proof is in docs/PROTOCOL.md.
package sim
