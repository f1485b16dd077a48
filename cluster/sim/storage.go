package sim

// newDisk returns an empty disk for a node, of the kind that the plan says.
func (w *World) newDisk(n *node) disk {
	if w.plan.WAL {
		return newWALDisk(w, uint64(n.id)<<8|uint64(n.twin)|1<<32)
	}
	return newMemDisk(w.book.cluster)
}
