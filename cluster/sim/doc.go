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
// An oracle checks the invariants I1 to I13 of docs/SPECIFICATION.md §4.1 on what correct nodes
// sign, commit and execute, after each of their steps, and besides them:
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
