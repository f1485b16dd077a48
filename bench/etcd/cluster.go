package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

const (
	// members is the usual size of an etcd cluster: one may fail.
	members = 3
	// startMax is how long a cluster may take to elect its first leader.
	startMax = 30 * time.Second
	// quotaBytes keeps long runs from filling the default quota of 2 GiB.
	quotaBytes = 8 << 30
)

// cluster is a running cluster and a client of each member.
type cluster struct {
	servers []*embed.Etcd
	clients []*clientv3.Client
	leader  *clientv3.Client
}

// startCluster starts the members below dir and waits until there is a leader.
func startCluster(dir string) (*cluster, error) {
	ports, err := freePorts(2 * members)
	if err != nil {
		return nil, err
	}
	var initial []string
	for i := range members {
		initial = append(initial, fmt.Sprintf("m%d=%s", i, local(ports[i])))
	}
	c := &cluster{}
	for i := range members {
		config := embed.NewConfig()
		config.Name, config.Dir = fmt.Sprintf("m%d", i), filepath.Join(dir, fmt.Sprint(i))
		peer, client := []url.URL{address(ports[i])}, []url.URL{address(ports[members+i])}
		config.ListenPeerUrls, config.AdvertisePeerUrls = peer, peer
		config.ListenClientUrls, config.AdvertiseClientUrls = client, client
		config.InitialCluster = strings.Join(initial, ",")
		config.LogLevel, config.LogOutputs = "fatal", []string{"stderr"}
		config.QuotaBackendBytes = quotaBytes
		server, err := embed.StartEtcd(config)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.servers = append(c.servers, server)
	}
	if err := c.connect(ports[members:]); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// connect waits for every member and finds the client of the leader.
func (c *cluster) connect(ports []int) error {
	late := time.After(startMax)
	for i, server := range c.servers {
		select {
		case <-server.Server.ReadyNotify():
		case err := <-server.Err():
			return err
		case <-late:
			return fmt.Errorf("member %d is not ready after %v", i, startMax)
		}
		client, err := clientv3.New(clientv3.Config{Endpoints: []string{local(ports[i])}})
		if err != nil {
			return err
		}
		c.clients = append(c.clients, client)
		if server.Server.Leader() == server.Server.MemberID() {
			c.leader = client
		}
	}
	if c.leader == nil {
		return fmt.Errorf("no leader among %d ready members", members)
	}
	return nil
}

// check counts the records on every member.
func (c *cluster) check(want int) error {
	for i, client := range c.clients {
		answer, err := client.Get(context.Background(), prefix, clientv3.WithPrefix(),
			clientv3.WithCountOnly())
		if err != nil {
			return fmt.Errorf("member %d: %w", i, err)
		}
		if answer.Count != int64(want) {
			return fmt.Errorf("member %d holds %d records, want %d", i, answer.Count, want)
		}
	}
	return nil
}

// close ends clients first, then members.
func (c *cluster) close() error {
	var errs []error
	for _, client := range c.clients {
		errs = append(errs, client.Close())
	}
	for _, server := range c.servers {
		server.Close()
	}
	return errors.Join(errs...)
}

func local(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

func address(port int) url.URL {
	return url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}
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
