package sim

// This file is what becomes of a process that gets no processor for a while: it does nothing, and
// what it was sent waits in its inbox. Then it takes all of that in before its core is asked what
// it wants, so the core learns in one go of what lies seconds apart.

// freezeMax is how long a process is frozen at most: long enough for the others to go on to the
// next term and the one after.
const freezeMax = 3 * second

// freeze stops a process for a while.
func (w *World) freeze(n *node) {
	if n.party.byzantine || n.frozen || !n.up || w.healed {
		return
	}
	w.count(Freezes)
	after := between(w.rng, 10*millisecond, freezeMax)
	w.note(n, "freeze", "until %s", w.now+after)
	life := n.life
	w.queue.plan(w.now+after, func() {
		if n.up && n.life == life {
			n.thaw()
		}
	})
	n.frozen = true
}

// thaw goes on where freeze stopped: with the inbox, and then with the rest.
func (n *node) thaw() {
	n.w.note(n, "thaw", "with %d messages", len(n.inbox))
	inbox, held, life := n.inbox, n.held, n.life
	n.frozen, n.inbox, n.held = false, nil, nil
	n.advancing = true // not before the last message
	for _, p := range inbox {
		n.receive(p)
	}
	n.advancing = false
	n.advance()
	for _, run := range held {
		if n.up && n.life == life {
			run()
		}
	}
}

// awake runs something that the process does, once it is not frozen.
func (n *node) awake(run func()) {
	if n.frozen {
		n.held = append(n.held, run)
		return
	}
	run()
}
