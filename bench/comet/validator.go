package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/rpc/client/local"
	"github.com/cometbft/cometbft/types"
)

const (
	// blocksWaiting is how many blocks may wait for watch, which never blocks for long.
	blocksWaiting = 1000
	// commitMax is how long a transaction may take; then it is lost and the run is void.
	commitMax = 2 * time.Minute
)

// validator is one node and those who wait for their transactions there.
type validator struct {
	node *node.Node
	rpc  *local.Local

	mu      sync.Mutex
	waiting map[string]chan struct{} // by transaction
}

// submit gives a transaction to this validator and waits until it has executed a block with it.
func (v *validator) submit(tx types.Tx) error {
	done := make(chan struct{})
	v.mu.Lock()
	v.waiting[string(tx)] = done
	v.mu.Unlock()
	answer, err := v.rpc.BroadcastTxSync(context.Background(), tx)
	if err != nil {
		return err
	}
	if answer.Code != 0 {
		return fmt.Errorf("transaction %q refused: %d %s", tx, answer.Code, answer.Log)
	}
	timer := time.NewTimer(commitMax)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return fmt.Errorf("transaction %q is in no block after %v", tx, commitMax)
	}
}

// watch tells those who wait about every block.
func (v *validator) watch() error {
	sub, err := v.node.EventBus().Subscribe(context.Background(), "bench",
		types.EventQueryNewBlock, blocksWaiting)
	if err != nil {
		return err
	}
	go func() {
		for {
			select {
			case message := <-sub.Out():
				v.release(message.Data().(types.EventDataNewBlock).Block.Txs)
			case <-sub.Canceled():
				return
			}
		}
	}()
	return nil
}

// release wakes those whose transactions are in a block.
func (v *validator) release(txs types.Txs) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, tx := range txs {
		if done, ok := v.waiting[string(tx)]; ok {
			delete(v.waiting, string(tx))
			close(done)
		}
	}
}
