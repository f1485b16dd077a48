package tidy

// puritySnippets are files of a pure room with the faults marked; see expect.
var puritySnippets = map[string]string{
	"concurrency": "package state\n" + `
func f(
	c chan int, // want ` + "`channel type`" + `
) int {
	go f(nil) // want ` + "`go statement`" + `
	c <- 1 // want ` + "`send on a channel`" + `
	select {} // want ` + "`select statement`" + `
	return <-c // want ` + "`receive from a channel`" + `
}
`,
	"clock": "package state\n" + `
import (
	"time"
	clock "time"
)

var start = time.Now // want ` + "`time.Now`" + `

func f(t time.Time, d time.Duration) bool {
	clock.Sleep(d) // want ` + "`time.Sleep`" + `
	_ = time.After(d) // want ` + "`time.After`" + `
	time.AfterFunc(d, nil) // want ` + "`time.AfterFunc`" + `
	_ = t.Local() // want ` + "`time.Local`" + `
	_ = t.In(time.Local) // want ` + "`zone of the machine`" + `
	_, _ = time.Parse(time.RFC3339, t.UTC().Format(time.RFC3339))
	return t.After(t.Add(d)) || t.Equal(time.UnixMilli(3).UTC())
}
`,
	"imports": "package state\n" + `
import _ "context" // want ` + "`import of context`" + `
import _ "crypto/rand" // want ` + "`import of crypto/rand`" + `
import _ "crypto/sha256"
import _ "log/slog" // want ` + "`import of log/slog`" + `
import _ "math/rand/v2" // want ` + "`import of math/rand/v2`" + `
import _ "math/big"
import _ "net/netip" // want ` + "`import of net/netip`" + `
import _ "os/exec" // want ` + "`import of os/exec`" + `
import _ "sync/atomic" // want ` + "`import of sync/atomic`" + `
import _ "unsafe" // want ` + "`import of unsafe`" + `
`,
	"floats": "package state\n" + `
import "math"
import "time"

type rate float64 // want ` + "`floating point`" + `

func f(n int, d time.Duration) int {
	n += 1e6
	n += math.MaxInt32
	if d.Seconds() > 3 { // want ` + "`floating point`" + `
		return 0
	}
	return int(math.Sqrt(2)) // want ` + "`floating point`" + `
}

func g[T ~float32](x T) {} // want ` + "`floating point`" + `
`,
	"maps": "package state\n" + `
import "maps"
import "slices"

type set map[string]bool

func f(m set, s []int) (n int) {
	for range s {
		n++
	}
	for k := range m { // want ` + "`range over`" + `
		_ = k
	}
	for range m { // order: counting gives the same number in any order
		n++
	}
	// order: a sum of integers is the same in any order
	for range m {
		n++
	}
	for range m { // order: // want ` + "`range over`" + `
		n++
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		_ = k
	}
	_ = slices.Collect(maps.Keys(m)) // want ` + "`maps.Keys`" + `
	_ = slices.Collect(maps.Values[set](m)) // want ` + "`maps.Values`" + `
	return n
}

func g[M ~map[int]int](m M) {
	for range m { // want ` + "`range over`" + `
		return
	}
}
`,
	"printing": "package state\n" + `
import "fmt"

func f() string {
	fmt.Println() // want ` + "`Println writes to standard output`" + `
	println() // want ` + "`println writes to standard output`" + `
	return fmt.Sprint()
}
`,
}

// docsSnippet is a file with and without doc comments.
const docsSnippet = `package wal

// A says something.
type A struct{ Field int }

type B int // want ` + "`type B has no doc comment`" + `

func (A) Method() {} // want ` + "`func Method has no doc comment`" + `

// Other says something.
func (*A) Other() {}

type hidden struct{}

func (hidden) Len() int { return 0 }

type List[T any] []T // want ` + "`type List has no doc comment`" + `

func (l *List[T]) Push(T) {} // want ` + "`func Push has no doc comment`" + `

func F() {} // want ` + "`func F has no doc comment`" + `

//go:noinline
func G() {} // want ` + "`func G has no doc comment`" + `

func f() {}

const C = 1 // one is enough

const D = // want ` + "`const D has no doc comment`" + `
1

// The numbers of the house.
const (
	E = 1
	H = 2
)

var (
	I = 1 // said
	J = // want ` + "`var J has no doc comment`" + `
	2
)

// Port is a port.
type Port interface {
	// Get gets.
	Get()
	Put() // puts
	Del( // want ` + "`method Del has no doc comment`" + `
	)
}
`
