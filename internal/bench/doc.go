// Package bench is juno bench: it measures the speed and the size of ledgers on this machine.
//
// A gauge is one measure, which is taken sample by sample; gauges that are compared with each other
// take turns. The load is that of the benchmark module (bench/measure), draw by draw, and so is the
// form of the results, so that the numbers stand beside those of other systems. Ledgers in one
// directory run in this process; clusters are processes of juno server, started from the same
// program, and the load comes from this process over the network.
//
// It is no test: numbers depend on the machine, and nothing here judges them.
package bench
