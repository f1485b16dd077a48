// Package tidy is the style of this house as executable rules.
//
// A rule that lives in a document is broken in a month; a rule that lives in a test is broken
// for a minute. Every rule here is a function from parsed source to faults, every fault names
// file, line, what is wrong and what to do instead, and the tests of this package run the rules
// over the whole module.
//
// # The rules
//
//   - Arrows (arrows.go): which room may import which, as one table. A package without a line
//     in the table fails: a new room is a decision, not an accident. A line without a package and
//     an arrow that no file needs fail too. The same tables say which third-party module lives in
//     which room, some of them in one file only.
//   - Purity (purity.go): the pure rooms are functions of their inputs. No clock, goroutine,
//     channel, entropy, I/O or logging, no floating point, and no result that depends on the
//     iteration order of a map.
//   - Shape (shape.go): lines of a file, lines of a function, columns of a line.
//   - Words on exports (docs.go): a package comment for every package, a doc comment for every
//     exported identifier.
//   - Banned words (words.go): unfinished work, sleeping tests, paths of one machine.
//   - Rooms (rooms.go): every room has its row in docs/ARCHITECTURE.md, with the same arrows.
//   - References (references.go, pages.go): a Markdown file, section, anchor, lemma or rule of the
//     protocol that a comment or a string cites is there, and so is what Markdown links lead to.
//   - Toolchain (toolchain.go), decisions (decisions.go): README and containers name the Go of
//     go.mod, and the index of decision records has every record.
//   - Modules (modules.go): every third-party module that is imported has its paragraph in
//     docs/DEPENDENCIES.md.
//
// # What it does not do
//
// It does not format (gofumpt does), does not look for bugs (go vet and staticcheck do), and
// does not follow calls: a pure room that calls an impure function of another package through a
// function value is not found. The list of imports keeps that hard to do by accident.
//
// The rules look at the root module only. A directory with a go.mod of its own, such as bench/,
// is another house.
package tidy
