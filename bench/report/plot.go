package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The plot, in pixels: the axes and the room around them.
const (
	plotWidth, plotHeight   = 760, 420
	plotLeft, plotRight     = 70, 230
	plotTop, plotBottom     = 30, 50
	plotLeast, plotDecades  = 1000, 3 // commands per second at the foot, and powers of ten above
	plotNodesMin, plotNodes = 0, 21   // of the other axis
)

// series is one line of the plot.
type series struct {
	name, colour string
	dashed       bool
	points       []point
}

type point struct{ nodes, perSecond float64 }

// Plot draws throughput against cluster size, on a logarithmic scale, as SVG: lines for Juno and
// for the prototype, single points for the peers.
func (p Page) Plot() string {
	var batch, many series
	batch = series{name: "Juno, batch", colour: "#0b6e99"}
	many = series{name: "Juno, many", colour: "#d1495b"}
	limit := series{name: "signatures alone", colour: "#777777", dashed: true}
	clientBatching := series{name: "prototype, client batching", colour: "#0b6e99", dashed: true}
	leaderBatching := series{name: "prototype, leader batching", colour: "#d1495b", dashed: true}
	for _, row := range prototype {
		n := float64(row.nodes)
		clientBatching.points = append(clientBatching.points, point{n, row.clientBatching})
		leaderBatching.points = append(leaderBatching.points, point{n, row.leaderBatching})
	}
	all := []series{
		p.line(batch, "juno/cluster-batch"), p.line(many, "juno/cluster-many"),
		p.line(limit, "juno/cluster-crypto"), clientBatching, leaderBatching,
		p.line(series{name: "CometBFT, unsigned", colour: "#2a9d4b"}, "cometbft/cluster-many"),
		p.line(series{name: "etcd, unsigned", colour: "#8a5fb0"}, "etcd/cluster-many"),
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "+
		"font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" "+
		"fill=\"white\"/>\n", plotWidth, plotHeight)
	axes(&b)
	row := 0
	for _, s := range all {
		if len(s.points) > 0 {
			s.draw(&b, plotTop+10+20*row)
			row++
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// line fills a series with the best medians of a measure at each cluster size.
//
// Juno's many and batch are those of the prototype.
func (p Page) line(s series, name string) series {
	measured := atNodes
	if name == "juno/cluster-many" || name == "juno/cluster-batch" {
		measured = burst
	}
	var sizes []int
	for _, r := range p.Results {
		if r.Name == name {
			sizes = append(sizes, r.Nodes)
		}
	}
	slices.Sort(sizes)
	for _, n := range slices.Compact(sizes) {
		if value, _ := measured(name, n)(p.Results); value > 0 && n > 0 {
			s.points = append(s.points, point{float64(n), value})
		}
	}
	return s
}

func plotX(nodes float64) float64 {
	share := (nodes - plotNodesMin) / (plotNodes - plotNodesMin)
	return plotLeft + share*(plotWidth-plotLeft-plotRight)
}

// plotY clips what is below the foot of the scale.
func plotY(perSecond float64) float64 {
	share := math.Log10(max(perSecond, plotLeast)/plotLeast) / plotDecades
	return plotHeight - plotBottom - share*(plotHeight-plotTop-plotBottom)
}

// axes draws the grid and its labels.
func axes(b *strings.Builder) {
	right := plotWidth - plotRight
	for decade := range plotDecades + 1 {
		for _, digit := range []float64{1, 2, 5} {
			value := digit * plotLeast * math.Pow(10, float64(decade))
			if value > plotLeast*math.Pow(10, plotDecades) {
				break
			}
			y := plotY(value)
			fmt.Fprintf(b, "<path d=\"M%d %.1fH%d\" stroke=\"#dddddd\"/>\n", plotLeft, y, right)
			fmt.Fprintf(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n",
				plotLeft-6, y+4, value)
		}
	}
	foot := plotHeight - plotBottom
	for _, n := range []int{1, 4, 8, 12, 16, 20} {
		fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n",
			plotX(float64(n)), foot+18, n)
	}
	fmt.Fprintf(b, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"black\"/>\n",
		plotLeft, plotTop, foot, right)
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">nodes</text>\n",
		(plotLeft+right)/2, plotHeight-12)
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">commands per second</text>\n", plotLeft, plotTop-10)
}

// draw adds the line, its points, and its entry in the legend at a height.
func (s series) draw(b *strings.Builder, legend int) {
	dash := ""
	if s.dashed {
		dash = " stroke-dasharray=\"5 4\""
	}
	var path strings.Builder
	for i, p := range s.points {
		letter := "L"
		if i == 0 {
			letter = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", letter, plotX(p.nodes), plotY(p.perSecond))
		fmt.Fprintf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n",
			plotX(p.nodes), plotY(p.perSecond), s.colour)
	}
	fmt.Fprintf(b, "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s/>\n",
		&path, s.colour, dash)
	x := plotWidth - plotRight + 14
	fmt.Fprintf(b, "<path d=\"M%d %dh24\" stroke=\"%s\" stroke-width=\"2\"%s/>\n",
		x, legend, s.colour, dash)
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">%s</text>\n", x+32, legend+4, s.name)
}
