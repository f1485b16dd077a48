// Package cli is the frame of a command line: verbs and sub-verbs with their flags, words, help and
// exit codes. It knows nothing of ledgers.
//
// A [Verb] is a value. It declares its flags and its words once; from that come the parser, the
// help and the messages about a wrong call. Flags may stand anywhere among the words.
//
// A call that is wrong gets one line that says what was expected and what was found, and one that
// names the help of the verb. Help that was asked for goes to standard output, and is no failure.
package cli
