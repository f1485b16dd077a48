package main

// prototypeSource is where the prototype's figures were published.
const prototypeSource = "https://github.com/kadena-io/juno#performance-vs-cluster-size"

// prototypeRow is a row of the prototype's table "Performance vs Cluster Size", in commands per
// second. It ran on 4 cores, kept nothing on disk, and went on with a majority, not with the
// larger quorum that a liar makes necessary.
type prototypeRow struct {
	nodes          int
	clientBatching float64 // batch test:8000
	leaderBatching float64 // many test:8000
}

// best is the larger of the two figures, which Juno has to beat with both of its own.
func (r prototypeRow) best() float64 { return max(r.clientBatching, r.leaderBatching) }

var prototype = []prototypeRow{
	{4, 7729, 5398},
	{8, 3698, 2823},
	{12, 2147, 3100},
	{16, 1646, 2442},
	{20, 1179, 2444},
}
