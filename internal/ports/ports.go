package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

const (
	// from and to are where ports are looked for: above those of services, and below those that
	// systems give to connections. A port that the system gives out would be somebody's before the
	// node that it was found for listens.
	from = 10_000
	to   = 30_000
	// tries bounds how often it is looked.
	tries = 100
)

// Ports are given out in a row, from a random one on; handed is how many there were so far.
var (
	start  = rand.IntN(to - from)
	handed atomic.Int64
)

// Free returns a loopback address from which on n ports are free, each the next one. They are not
// kept. Who asks in this process gets others, until all have had their turn; another process may
// get the same at the same time, of many thousands.
func Free(n int) (string, error) {
	for range tries {
		first := from + (start+int(handed.Add(int64(n)))-n)%(to-from-n)
		free := true
		for i := range n {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i)))
			if err != nil {
				free = false
				break
			}
			free = l.Close() == nil && free
		}
		if free {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(first)), nil
		}
	}
	return "", fmt.Errorf("find %d free ports from %d to %d: none", n, from, to)
}
