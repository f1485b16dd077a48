package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"juno"
)

// adder is the sequential machine: an input adds, 0 reads; the output is the sum after it.
var adder = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		sum := state.(int) + input.(int)
		return output.(int) == sum, sum
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("+%d=%d", in, out) },
}

// TestHistory lets one client's goroutines add and read in all ways at once, while the leader
// changes and a node lies, and wants a history that one machine could have made.
func TestHistory(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4)
			w.change(2, func(n *fakeNode) {
				n.delay, n.liesSQL = 0, true
				n.lie = func(_ *juno.Entry, r *juno.Result) { r.Value = "7" }
			})
			c := w.open()
			for i, leader := range []juno.NodeID{3, 4, 1} {
				time.AfterFunc(time.Duration(i+1)*20*time.Millisecond, func() { w.elect(leader) })
			}
			var mu sync.Mutex
			var history []porcupine.Operation
			var wait sync.WaitGroup
			for g := range 6 {
				dice := rand.New(rand.NewPCG(seed, uint64(g)))
				wait.Go(func() {
					for range 10 {
						op := operate(t, c, g, dice)
						mu.Lock()
						history = append(history, op)
						mu.Unlock()
					}
				})
			}
			wait.Wait()
			if !porcupine.CheckOperations(adder, history) {
				t.Errorf("seed %d: no machine has this history: %+v", seed, history)
			}
			wantEvidence(t, c, 2, Contradiction)
		})
	}
}

// operate does one thing: adds something, or reads by a command or by a query.
func operate(t *testing.T, c *Client, id int, dice *rand.Rand) porcupine.Operation {
	op := porcupine.Operation{ClientId: id, Input: 0, Call: time.Now().UnixNano()}
	ctx := context.Background()
	var err error
	value := ""
	switch dice.IntN(3) {
	case 0:
		by := dice.IntN(9) + 1
		op.Input = by
		value, err = one(
			c.Submit(ctx, []string{"add " + strconv.Itoa(by)}, juno.Mode(dice.IntN(2)), nil),
		)
	case 1:
		value, err = one(c.Submit(ctx, []string{"get"}, juno.Single, nil))
	default:
		var r *Rows
		how := Consistency(dice.IntN(2)) // Quorum or Ordered
		if r, err = c.Query(ctx, juno.Query{Text: "SELECT 1"}, how); err == nil {
			value = strconv.FormatInt(sum(t, r, 1), 10)
		}
	}
	if err != nil {
		t.Errorf("%+v: %v", op, err)
		value = "-1"
	}
	op.Return = time.Now().UnixNano()
	op.Output, _ = strconv.Atoi(value)
	return op
}

func one(outcomes []juno.Outcome, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return outcomes[0].Result.Value, outcomes[0].Err
}
