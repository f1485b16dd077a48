package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cometbft/cometbft/config"
)

// tuning says what configure changes, for the reader of a number.
const tuning = "4 validators in one process, called without RPC; changed from the defaults: no " +
	"wait after a commit (timeout_commit 0, skip_timeout_commit), no empty blocks, gossip every " +
	"5 ms instead of 100, flushed every 1 ms instead of 10, 500 MB/s for each peer instead of 5, " +
	"mempool of 100000 without recheck, no transaction index; block size and fsyncs as they are"

const (
	// gossipSleep is how long a validator waits before it looks again for news for a peer.
	gossipSleep = 5 * time.Millisecond
	// flushThrottle is how long small messages wait for company.
	flushThrottle = time.Millisecond
	// bytesPerSecond is more than loopback carries here, so that no rate limit counts.
	bytesPerSecond = 500 << 20
	// mempoolSize is well above the transactions that are on their way at any time.
	mempoolSize = 100_000
)

// configure returns the configuration of a validator, tuned for throughput and latency on
// loopback. What keeps a validator safe, its log and its syncs, stays as it is.
func configure(root string, number, port int, peers string) (*config.Config, error) {
	c := config.DefaultConfig()
	c.SetRoot(root)
	c.Moniker = fmt.Sprintf("v%d", number)
	c.RPC.ListenAddress = ""
	c.TxIndex.Indexer = "null"

	c.P2P.ListenAddress = fmt.Sprintf("tcp://127.0.0.1:%d", port)
	c.P2P.PersistentPeers = peers
	c.P2P.AddrBookStrict, c.P2P.AllowDuplicateIP = false, true // all are on loopback
	c.P2P.PexReactor = false
	c.P2P.FlushThrottleTimeout = flushThrottle
	c.P2P.SendRate, c.P2P.RecvRate = bytesPerSecond, bytesPerSecond

	c.Mempool.Size, c.Mempool.CacheSize = mempoolSize, 2*mempoolSize
	c.Mempool.Recheck = false

	c.Consensus.TimeoutCommit, c.Consensus.SkipTimeoutCommit = 0, true
	c.Consensus.CreateEmptyBlocks = false
	c.Consensus.PeerGossipSleepDuration = gossipSleep

	for _, sub := range []string{config.DefaultConfigDir, config.DefaultDataDir} {
		if err := os.MkdirAll(filepath.Join(root, sub), 0o700); err != nil {
			return nil, err
		}
	}
	return c, c.ValidateBasic()
}
