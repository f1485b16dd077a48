// Package submit is what the doors to a ledger have in common: package embedded, where the ledger
// runs in this process, and the client of a cluster. Both read texts as commands, cut them into
// parts, number and sign them ([Each]), and both change keys in the same steps ([Keys]). They
// differ in what becomes of the signed bytes, which they bring along.
//
// # Guarantees
//
// Commands are numbered and handed on in the order of their texts. A key is on disk before anything
// that names it is handed on, and stays there until it is certain that it is not in the log: so a
// crash at any moment, or a caller who stops waiting, loses no key that may be valid.
//
// # What it does not do
//
// It knows neither nodes nor networks, and repeats nothing.
package submit
