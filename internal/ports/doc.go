// Package ports finds ports that nobody listens on, for nodes that run beside each other on one
// machine: of the demo, of the benchmarks, of tests.
//
// A port is found by listening on it for a moment. It is not kept, so whoever needs it listens
// soon. To let the system choose would be simpler, and is not done: it chooses from the ports that
// it also gives to connections, and in a cluster that connects all to all one of those is taken
// quickly.
package ports
