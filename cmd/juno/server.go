package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"time"

	"juno"
	"juno/cluster"
	"juno/cluster/consensus"
	"juno/internal/cli"
	"juno/server"
)

var serverVerb = cli.Verb{
	Name:    "server",
	Summary: "run one node of a cluster",
	Help: `  juno init books --nodes 4
  juno server books/node1

The node runs until SIGINT or SIGTERM, which ends it cleanly. Events are written to standard error,
one line each with the time (UTC).
`,
	Args:  "DIR",
	Setup: setupServer,
}

// journal writes one line per event. Several goroutines write.
type journal struct {
	mu sync.Mutex
	c  cli.Console
}

func (j *journal) line(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(j.c.Err, "%s %s\n", time.Now().UTC().Format("2006-01-02 15:04:05.000"),
		fmt.Sprintf(format, args...))
}

func setupServer(set *flag.FlagSet) cli.Action {
	listen := set.String("listen", "",
		"`host:port` to listen on, if not the address that the membership names")
	return func(ctx context.Context, c cli.Console, words []string) error {
		return serve(ctx, c, words[0], *listen)
	}
}

// serve runs a node until ctx ends or it fails.
func serve(ctx context.Context, c cli.Console, path, listen string) (err error) {
	log := &journal{c: c}
	s, err := server.Open(path, server.Options{
		Listen: listen, Software: "juno " + version,
		Warn: func(text string) { log.line("warning: %s", text) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	id := s.Ledger.NodeID()
	fmt.Fprintf(c.Out, "%s of ledger %s listens on %s\n", id,
		s.Ledger.Directory().Genesis.ID().Short(), s.Address())
	watched := make(chan struct{})
	watching, stop := context.WithCancel(ctx)
	go func() {
		defer close(watched)
		followStatus(watching, s, log)
	}()
	err = s.Wait(ctx)
	stop()
	<-watched
	if err == nil {
		log.line("%s ends", id)
	}
	return err
}

// news is what an operator wants to be told when it changes.
type news struct {
	role       consensus.Role
	term       juno.Term
	leader     juno.NodeID
	convinced  bool
	reachable  bool
	halted     bool
	observing  bool
	quarantine string
}

func newsOf(s *cluster.Status) news {
	return news{
		role: s.Role, term: s.Term, leader: s.Leader, convinced: s.TermKnown,
		reachable: s.Reachable, halted: s.Halted, observing: s.Observing,
		quarantine: s.Quarantine,
	}
}

// followStatus tells what changes, until ctx ends or the node stops.
func followStatus(ctx context.Context, s *server.Server, log *journal) {
	before := news{reachable: true}
	for {
		var now cluster.Status
		err := s.Ledger.Watch(ctx, func(status *cluster.Status) bool {
			now = *status
			return newsOf(status) != before
		})
		if err != nil {
			return
		}
		tellChange(log, &now, before)
		before = newsOf(&now)
	}
}

func tellChange(log *journal, s *cluster.Status, before news) {
	switch {
	case s.Role == consensus.Leader && before.role != consensus.Leader:
		log.line("%s leads term %s", s.ID, s.Term)
	case s.Role != before.role || s.TermKnown && s.Leader != before.leader:
		log.line("%s is %s in term %s; leader: %s", s.ID, s.Role, s.Term, s.Leader)
	}
	if s.Reachable != before.reachable {
		if s.Reachable {
			log.line("a quorum of voters is reachable")
		} else {
			log.line("no quorum of voters is reachable: want %d of %d", s.Config.Quorum(),
				len(s.Config.Voters))
		}
	}
	if s.Term.Epoch() != before.term.Epoch() {
		log.line("epoch %d begins: %d voters, %d observers", s.Term.Epoch(),
			len(s.Config.Voters), len(s.Config.Observers))
	}
	if s.Observing && !before.observing {
		log.line("the membership names another key for %s: this node follows, and does not vote",
			s.ID)
	}
	if s.Halted != before.halted {
		if s.Halted {
			log.line("administrators have halted the ledger; it can still be read")
		} else {
			log.line("administrators have ended the halt")
		}
	}
	if s.Quarantine != before.quarantine {
		log.line("quarantined: %s; see the folder quarantine in the node's directory",
			s.Quarantine)
	}
}
