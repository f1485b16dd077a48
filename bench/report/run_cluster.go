package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// clustersMax is how long Juno's clusters may be measured; what is missing then is told.
	clustersMax = 10 * time.Minute
	// clustersGrace is how much longer the program may take to end.
	clustersGrace = time.Minute
	// soakGrace is how much longer than the long run its making and ending may take.
	soakGrace = 3 * time.Minute
	// peerMax is how long each peer may take.
	peerMax = 100 * time.Second
)

// measureClusters runs Juno, then the peers. What fails is told on the page, and the rest goes on.
func (s settings) measureClusters(dir string, page *Page) (err error) {
	load := []string{"-samples", strconv.Itoa(s.samples), "-length", s.length.String()}
	peers := []string{"comet", "etcd"}
	for _, peer := range peers { // before the clock starts
		_, err := output(dir, noDeadline, "go", "-C", peer, "build", "-o",
			filepath.Join(dir, peer), ".")
		page.note(dir, err)
	}
	if s.juno != "" {
		if page.Juno, err = output(dir, noDeadline, s.juno, "version"); err != nil {
			return err
		}
		profiles := filepath.Join(dir, "profiles")
		args := append([]string{
			"bench", "cluster", "--json", "--nodes", s.nodes, "--kills", strconv.Itoa(s.kills),
			"--within", clustersMax.String(), "--profiles", profiles,
		}, load...)
		page.note(dir, page.measure(dir, clustersMax+clustersGrace, s.juno, args...))
		shares, err := readProfiles(profiles)
		page.note(dir, err)
		page.Results = append(page.Results, shares...)
	}
	for _, peer := range peers {
		program := filepath.Join(dir, peer)
		if _, err := os.Stat(program); err == nil {
			page.note(dir, page.measure(dir, peerMax, program, load...))
		}
	}
	if s.juno != "" && s.soak > 0 { // last, as it is the longest and needs no quiet machine
		page.note(dir, page.measure(dir, s.soak+soakGrace, s.juno, "bench", "cluster", "--json",
			"--nodes", "", "--soak", s.soak.String()))
	}
	for i := range page.Results {
		r := &page.Results[i]
		r.Failure = strings.ReplaceAll(r.Failure, dir, "DIR")
	}
	for i := range page.Runs {
		page.Runs[i].Command = strings.ReplaceAll(page.Runs[i].Command, dir, "DIR")
	}
	return nil
}

// note puts an error on the page.
func (p *Page) note(dir string, err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "report:", err)
	text := strings.Join(strings.Fields(err.Error()), " ")
	p.Failed = append(p.Failed, fmt.Sprintf("- %s\n", strings.ReplaceAll(text, dir, "DIR")))
}
