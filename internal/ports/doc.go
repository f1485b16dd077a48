// Package ports is for nodes that run beside each other on one machine, in the demo, in benchmarks
// and in tests: it finds ports that nobody listens on, and divides the processors.
//
// A port is found by listening on it for a moment. It is not kept, so the node should listen soon.
// Letting the system choose would be simpler, and is not done: the system chooses from the ports
// that it also gives to connections, and in a cluster that connects all to all one of those is
// soon taken.
package ports
