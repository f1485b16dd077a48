// Package shell is the face that a ledger shows on a terminal and to scripts: one prompt for ledger
// commands, SQL and commands of its own. It knows the ledger only through the port Ledger.
//
// # What can be typed
//
// Three languages are told apart by the text alone.
//   - A backslash begins a command of the shell; \? lists them.
//   - What Text.Detect calls a command is sent to the ledger: one line, or as many as a program
//     leaves brackets open. A semicolon at the end of the line is dropped, since people get used to
//     it; one in the middle of a verb's line is refused, not made part of a name.
//   - `batch test:N` and `many test:N` send N commands, under one signature per client batch or
//     each signed by itself: the prototype's one-dollar transfer, or the command that follows N.
//   - What begins as SQL goes on to its semicolon. The rest is a mistake, and ends with its line.
//
// At a prompt Ctrl-C cancels what runs and not the shell. A paste of several lines waits for Enter;
// Alt-Enter goes on in a new line. An entry that begins with a blank is not kept in the history,
// whose file is readable by its owner alone.
//
// # What is printed
//
// Answers go to standard output, or to the file of \o; messages, progress and everything that is
// no answer go to standard error. An answer is printed as it comes and never held as a whole; a
// table takes its widths from the first rows. Colour, progress and cutting to a width are for
// terminals; NO_COLOR is obeyed.
//
//	table     aligned columns, numbers to the right. On a terminal, text that does not fit is cut
//	          and ends in …; a number never is. What cannot fit is printed as vertical.
//	vertical  one line per value, nothing is cut
//	csv       RFC 4180 with a header; lines end with LF. NULL is an empty field, an empty text ""
//	json      per statement one array of objects, a row per line. Integers are numbers, exact
//	          amounts strings, blobs hexadecimal. Of equal column names the second becomes name_2.
//	          The array of an answer that failed half-way is not closed.
//	markdown  a table as GitHub reads it
//
// In the formats for programs a command is an answer too, of one row: status ("ok", "refused",
// "unknown" or "failed"), log_index, error_code, value, message, committed_at, replayed.
//
// Texts in a ledger are chosen by strangers. In the formats for people control characters, and
// those that turn the direction of writing or hide text, are replaced by pictures; json escapes
// them; csv holds them back only on a terminal, since a program must get what is there.
//
// # Scripts
//
// Texts (-c), a file (-f) or standard input that is no terminal run to the first statement that
// fails. Its place is named as file:line, with a caret below the offending word. Run returns the
// exit code: 0 fine, 1 refused or failed, 2 unknown format, 3 \verify found a fault, 4 the outcome
// of a command is unknown, 130 interrupted.
//
// What the package does not do: it signs nothing, keeps no connection, and knows nothing of SQL
// or of the ledger's languages beyond what Text tells it.
package shell
