package shell

// IsTerminal reports whether a reader or writer is a person's terminal.
func IsTerminal(stream any) bool {
	_, ok := terminal(stream)
	return ok
}
