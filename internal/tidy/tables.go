package tidy

import "strings"

// Module is the path of the module that holds all rooms.
const Module = "juno"

// everything lets a package import every room: cmd/juno, and the tests of its processes.
const everything = "*"

// arrows says, for every package, which of our packages it imports. Arrows point down only. The
// table matches the tree both ways: a package without a line fails the test, and so does a line
// without a package, and an arrow that no file needs. docs/ARCHITECTURE.md has the same table, with
// what each package is.
var arrows = map[string]string{
	".":                 "",
	"internal/vfs":      "",
	"internal/tidy":     "",
	"internal/ports":    "",
	"internal/mutate":   "",
	"wal":               ". internal/vfs",
	"snapshot":          ". internal/vfs",
	"datadir":           ". verify wal internal/vfs",
	"db/state":          ".",
	"db/sql":            ".",
	"db/audit":          ". db/state verify",
	"verify":            ".",
	"verify/files":      ". datadir db/audit db/state internal/vfs snapshot verify wal",
	"db":                ". db/audit db/sql db/state verify",
	"cluster/consensus": ".",
	"cluster":           ". cluster/consensus",
	"cluster/zmq":       ".",
	"cluster/wire":      ". cluster cluster/zmq",
	"cluster/rpc":       ".",
	"cluster/client":    ". cluster/rpc verify",
	"cluster/sim":       ". cluster/consensus db/state wal internal/vfs",
	"shell":             ".",
	"embedded": ". cluster cluster/consensus datadir db db/audit db/sql db/state snapshot " +
		"verify verify/files wal internal/vfs",
	"server": ". cluster cluster/consensus cluster/rpc cluster/wire embedded",
	"remote": ". cluster/client cluster/rpc cluster/zmq datadir db/state",
	// The frame of the command line knows no ledger; demo and bench show and measure whole ones.
	"internal/cli": "",
	"internal/demo": ". cluster/client cluster/consensus cluster/rpc embedded internal/cli " +
		"internal/ports internal/vfs server shell",
	"internal/bench": ". cluster/client datadir db/state embedded internal/cli internal/ports " +
		"remote server verify/files",
	"cmd/juno": everything,
	"chaos":    everything,
}

// testArrows says what the tests of a package import besides what the package reaches through
// arrows, itself, internal/vfs and internal/ports.
var testArrows = map[string]string{
	"embedded": "cluster/wire",
	"remote":   "cluster server",
}

// pure lists the rooms that are functions of their inputs: the same inputs give the same bytes
// on every node, in every run, on every machine.
var pure = strings.Fields(". cluster/consensus db/state verify")

// tenancy allows a module, and all packages below it, in one room. A third-party module without
// a line is allowed nowhere; a package of the standard library with a line, nowhere else.
type tenancy struct {
	room   string
	module string
	file   string // when set, the only file of the room that may import it
}

// signatureFile is the one file of the root package that touches a signature library, so that
// one place decides what a valid signature is, on every node and in batch and single alike.
const signatureFile = "signature.go"

var tenancies = []tenancy{
	{room: ".", module: "github.com/oasisprotocol/curve25519-voi", file: signatureFile},
	{room: ".", module: "crypto/ed25519", file: signatureFile},
	{room: ".", module: "golang.org/x/crypto/ed25519", file: signatureFile},
	{room: "db", module: "github.com/dgraph-io/badger/v4"},
	{room: "snapshot", module: "go.etcd.io/bbolt"},
	{room: "snapshot", module: "github.com/klauspost/compress"},
	{room: "shell", module: "github.com/chzyer/readline"},
	{room: "shell", module: "golang.org/x/term"},
	{room: "db/sql", module: "modernc.org/sqlite"},
	{room: "db/sql", module: "modernc.org/libc"},
	{room: "cluster/zmq", module: "github.com/pebbe/zmq4"},
	{room: "cluster/zmq", module: "golang.org/x/sys", file: "cluster/zmq/wakeup.go"},
	{room: "cmd/juno", module: "github.com/parquet-go/parquet-go"},
}

// testModules may be imported by the tests of every room.
var testModules = strings.Fields(`
	pgregory.net/rapid
	github.com/cockroachdb/datadriven
	github.com/rogpeppe/go-internal/testscript
	github.com/creack/pty
	github.com/hdevalence/ed25519consensus
	github.com/anishathalye/porcupine`)

// impure is what a pure room may not import, packages below it included.
// time is not here: formatting and parsing an instant is pure, see clockFuncs.
var impure = map[string]string{
	"context":      "cancel between steps, in the room that calls",
	"crypto/rand":  "take a seed or a key as an input",
	"hash/maphash": "use a hash with a fixed key: crypto/sha256, hash/crc32",
	"log":          "return what happened; the caller logs",
	"math/rand":    "take a seed as an input and step a generator of your own",
	"net":          "return messages; the caller sends them",
	"os":           "take bytes as an input; the caller reads files",
	"runtime":      "return what happened; the caller measures",
	"sync":         "one goroutine owns the value; the caller locks",
	"syscall":      "take the value as an input",
	"unsafe":       "use encoding/binary and copies",
}

// clockFuncs are the functions of package time that read a clock, start one, or ask for the
// zone of the machine.
var clockFuncs = strings.Fields(
	"Now Since Until Sleep After AfterFunc Tick NewTimer NewTicker LoadLocation")

// floatFiles may mention floating point in a pure room, with the reason.
var floatFiles = map[string]string{
	"value.go": "a cell of an answer may come from a SQL function that is inexact by name",
}

// Limits of shape.
const (
	fileLinesMax     = 600 // lines of a file; median aim is 150
	testFileLinesMax = 900 // tests are tables, and tables are long
	funcLinesMax     = 70  // lines of a function, signature and braces included; aim is 10 to 30
	columnsMax       = 100 // columns of a line; a tab counts as tabColumns
	tabColumns       = 4
)

// longFuncs excuses a function from funcLinesMax: "room/file.go Name" to the reason.
// A line here that excuses nothing fails the test.
var longFuncs = map[string]string{}
