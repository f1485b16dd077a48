// Package sim runs whole clusters in virtual time and tries to break them.
//
// # What it is
//
// A World is a cluster of real cores (package consensus) with the real wire format, the real log
// (package wal) on an unreliable disk, the real state machine (package db/state), clients,
// administrators, and an adversary, on one goroutine and without a clock. All randomness comes from
// one seed, so a run is a function of its Plan, and PlanOf makes a plan from a seed: size of the
// cluster, limits of the core, delays of the network, faults and the adversary's moves are all
// drawn.
//
// A run has two parts. First there are faults: messages are lost, late, duplicated and reordered;
// nodes freeze, or crash and lose what they did not sync; the network falls apart; the membership
// changes; administrators halt and resume the ledger; and an adversarial scheduler strikes at the
// worst moments, when a node has just formed a certificate, voted, signed a new-term message or
// committed. Then all faults end, except for the adversary, and the cluster must make progress.
//
// # The adversary
//
// Up to f nodes belong to one adversary. It sees every message that a correct node sends, at once,
// and signs with the keys of its own nodes only. Its nodes have styles (silent, obedient, twins
// that share one key, a core with a broken rule, selective, tardy, miser), and besides the
// adversary makes moves: it leads terms with several elections at a time, votes for every fork,
// sends stale or under-claimed certificates, makes up commits, states, evidence and leave messages,
// answers sync requests with the wrong chain, goes on behind the end of an epoch, replays, and
// sends noise. Cores with a broken rule exist only in the build of internal/mutate; otherwise these
// nodes run correct cores.
//
// # Invariants
//
// An oracle checks the invariants I1 to I13 of docs/SPECIFICATION.md §4.1 on what correct nodes
// sign, commit and execute, after each of their steps, and also:
//
//	alarm no correct node finds anything that only an operator could mend
//	live  after healing every correct node commits more, and every command of before is answered
//	panic no correct core panics
//
// # What it does not do
//
// It models no real network stack and no goroutines: packages zmq and cluster are tested by
// themselves. A clean campaign is evidence and not proof; the proof is in docs/SPECIFICATION.md
// §2.2.
package sim
