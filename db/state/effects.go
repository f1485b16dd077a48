package state

// View is the state right before an entry: the elements that all earlier entries left behind.
type View interface {
	// Get returns the value of an element, nil if there is none. The bytes stay unchanged until
	// the effects of the entry have been used; the caller does not change them. An error means
	// that the store cannot be read: the entry is not applied.
	Get(key []byte) ([]byte, error)
	// Scan calls yield for every element whose key begins with prefix, in byte order of the keys,
	// until yield returns false. Key and value are valid during the call only.
	Scan(prefix []byte, yield func(key, value []byte) bool) error
}

// Write is one element that an entry changed or made. Elements never go away.
type Write struct {
	Key    []byte
	Before []byte // nil: there was none; otherwise the bytes that View.Get returned
	After  []byte
}

// Effects is what applying one entry changes. Its memory is used again for the next entry: who
// keeps a key or a value copies it.
type Effects struct {
	// Writes holds every changed element once, those of commands in order of first touch and the
	// session elements last.
	Writes []Write
	// Ops holds the movements of money, in order; they are those of Operations.
	Ops []Op

	arena []byte
}

// Reset empties the effects and keeps their memory.
func (fx *Effects) Reset() {
	clear(fx.Writes)
	clear(fx.Ops)
	fx.Writes, fx.Ops, fx.arena = fx.Writes[:0], fx.Ops[:0], fx.arena[:0]
}
