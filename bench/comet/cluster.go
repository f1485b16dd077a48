package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/rpc/client/local"
	"github.com/cometbft/cometbft/rpc/core"
	"github.com/cometbft/cometbft/types"
)

const (
	// validators is the smallest cluster that survives a liar.
	validators = 4
	// firstBlockMax is how long a new cluster may take to its first block.
	firstBlockMax = 60 * time.Second
	// catchUpMax is how long the slowest validator may lag after the last acknowledgement.
	catchUpMax = 30 * time.Second
	// pollEvery is how long a validator that is not ready is left alone.
	pollEvery = 20 * time.Millisecond
)

// cluster is a running cluster.
type cluster struct{ validators []*validator }

// startCluster makes keys, genesis and configurations below dir, starts the validators and waits
// for the first transaction on each of them.
func startCluster(dir string) (*cluster, error) {
	ports, err := freePorts(validators)
	if err != nil {
		return nil, err
	}
	genesis := &types.GenesisDoc{
		ChainID: "bench", GenesisTime: time.Now(), ConsensusParams: types.DefaultConsensusParams(),
	}
	var peers []string
	keys := make([]*p2p.NodeKey, validators)
	signers := make([]*privval.FilePV, validators)
	configs := make([]*config.Config, validators)
	for i := range validators {
		root := filepath.Join(dir, fmt.Sprint(i))
		c, err := configure(root, i, ports[i], "")
		if err != nil {
			return nil, err
		}
		configs[i] = c
		signers[i] = privval.LoadOrGenFilePV(c.PrivValidatorKeyFile(), c.PrivValidatorStateFile())
		if keys[i], err = p2p.LoadOrGenNodeKey(c.NodeKeyFile()); err != nil {
			return nil, err
		}
		genesis.Validators = append(genesis.Validators, types.GenesisValidator{
			Address: signers[i].Key.Address, PubKey: signers[i].Key.PubKey, Power: 1,
		})
		peers = append(peers, fmt.Sprintf("%s@127.0.0.1:%d", keys[i].ID(), ports[i]))
	}
	if err := genesis.ValidateAndComplete(); err != nil {
		return nil, err
	}
	cl := &cluster{}
	for i, c := range configs {
		c.P2P.PersistentPeers = strings.Join(without(peers, i), ",")
		v, err := startValidator(c, signers[i], keys[i], genesis)
		if err != nil {
			cl.stop()
			return nil, fmt.Errorf("validator %d: %w", i, err)
		}
		cl.validators = append(cl.validators, v)
	}
	return cl, cl.warm()
}

// startValidator starts one node that keeps its kvstore on disk.
func startValidator(
	c *config.Config, signer *privval.FilePV, key *p2p.NodeKey, genesis *types.GenesisDoc,
) (*validator, error) {
	app := kvstore.NewPersistentApplication(filepath.Join(c.RootDir, config.DefaultDataDir))
	n, err := node.NewNode(c, signer, key, proxy.NewConnSyncLocalClientCreator(app),
		func() (*types.GenesisDoc, error) { return genesis, nil }, config.DefaultDBProvider,
		node.DefaultMetricsProvider(c.Instrumentation), log.NewNopLogger())
	if err != nil {
		return nil, err
	}
	v := &validator{node: n, rpc: local.New(n), waiting: make(map[string]chan struct{})}
	if err := v.watch(); err != nil {
		return nil, err
	}
	return v, n.Start()
}

// warm sends one transaction to each validator: then all of them are connected and agree. A
// validator that still looks for older blocks takes none, and is asked again.
func (c *cluster) warm() error {
	done := make(chan error, len(c.validators))
	begin := time.Now()
	for i, v := range c.validators {
		go func() {
			err := core.ErrEndpointClosedCatchingUp
			for err == core.ErrEndpointClosedCatchingUp && time.Since(begin) < firstBlockMax {
				time.Sleep(pollEvery)
				err = v.submit(fmt.Appendf(nil, "warm/%d=1", i))
			}
			done <- err
		}()
	}
	for range c.validators {
		if err := <-done; err != nil {
			return fmt.Errorf("first transaction: %w", err)
		}
	}
	return nil
}

// check waits until every kvstore has executed the acknowledged transfers and those of warm.
func (c *cluster) check(transfers int) error {
	want := int64(transfers + len(c.validators))
	for i, v := range c.validators {
		got := int64(-1)
		for begin := time.Now(); got < want && time.Since(begin) < catchUpMax; {
			info, err := v.rpc.ABCIInfo(context.Background())
			if err != nil {
				return err
			}
			var state struct{ Size int64 }
			if err := json.Unmarshal([]byte(info.Response.Data), &state); err != nil {
				return err
			}
			if got = state.Size; got < want {
				time.Sleep(pollEvery)
			}
		}
		if got != want {
			return fmt.Errorf("validator %d has executed %d transactions, want %d", i, got, want)
		}
	}
	return nil
}

// stop ends all validators; what they still wanted to do makes no difference to the results.
func (c *cluster) stop() {
	for _, v := range c.validators {
		_ = v.node.Stop()
		v.node.Wait()
	}
}

// without returns all but one.
func without(all []string, i int) []string {
	return append(append([]string(nil), all[:i]...), all[i+1:]...)
}

// freePorts returns ports that nobody listens on now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
