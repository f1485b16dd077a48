package sim

// This file is about a process that gets no processor for a while: it does nothing, and its
// messages wait in its inbox. Then it processes all of them before it asks its core for a Ready, so
// the core gets at once what was sent seconds apart.

// freezeMax bounds how long a process is frozen: long enough for the others to go on to the next
// term and the one after.
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

// thaw goes on where freeze stopped: with the inbox, and then with everything else.
func (n *node) thaw() {
	n.w.note(n, "thaw", "with %d messages", len(n.inbox))
	inbox, held, life := n.inbox, n.postponed, n.life
	n.frozen, n.inbox, n.postponed = false, nil, nil
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

// awake runs a function of the process, once it is not frozen.
func (n *node) awake(run func()) {
	if n.frozen {
		n.postponed = append(n.postponed, run)
		return
	}
	run()
}
