package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// summary is what a campaign shows at its end.
func (c *campaign) summary() string {
	var b strings.Builder
	took := time.Since(c.began)
	fmt.Fprintf(&b, "seeds %d to %d: %d seeds, %d runs, %d failures, %d histories linearizable, "+
		"%s, fingerprint %016x\n\n", *fromFlag, *fromFlag+uint64(c.done)-1, c.done, c.runs,
		c.failures, c.checked, took.Round(time.Second), c.print)
	fmt.Fprintf(&b, "%7s %7s %10s %9s %9s %7s %7s %8s %9s %10s %9s %8s\n", "voters", "seeds",
		"byzantine", "commits", "terms", "epochs", "crashes", "strikes", "snapshots", "byz. acts",
		"evidence", "answers")
	for _, n := range slices.Sorted(maps.Keys(c.sizes)) {
		c.row(&b, fmt.Sprint(n), c.sizes[n])
	}
	all := &sizeStats{seeds: c.done, total: c.total}
	for _, s := range c.sizes {
		all.byzantine += s.byzantine
	}
	c.row(&b, "all", all)
	b.WriteString("\n")
	for _, count := range Counts() {
		fmt.Fprintf(&b, "%12d %s\n", c.total.Counts[count], count)
	}
	fmt.Fprintf(&b, "%12s the longest run, %s the longest wait for progress after healing\n",
		c.total.End, c.total.Healed)
	return b.String()
}

func (c *campaign) row(b *strings.Builder, name string, s *sizeStats) {
	n := &s.total.Counts
	fmt.Fprintf(b, "%7s %7d %10d %9d %9d %7d %7d %8d %9d %10d %9d %8d\n", name, s.seeds,
		s.byzantine, n[Commits], n[Terms], n[Epochs], n[Kills]+n[PowerFailures], n[Strikes],
		n[Installed], n[Lies], n[Convictions], n[Answers])
}
