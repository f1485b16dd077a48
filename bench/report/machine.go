package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Machine is what a reader has to know before believing a number.
type Machine struct {
	Processor string
	Cores     int
	Memory    string
	Kernel    string
	Files     string // the file system that the ledgers lay on
	Load      string // load average before the first measure
	Go        string
	Date      time.Time
}

// thisMachine describes the machine as far as it tells; what it does not tell is "unknown".
func thisMachine(dir string) Machine {
	return Machine{
		Processor: field("/proc/cpuinfo", "model name"),
		Cores:     runtime.NumCPU(),
		Memory:    field("/proc/meminfo", "MemTotal"),
		Kernel:    runtime.GOOS + " " + line("/proc/sys/kernel/osrelease") + " " + runtime.GOARCH,
		Files:     fileSystem("/proc/mounts", dir),
		Load:      line("/proc/loadavg"),
		Go:        runtime.Version(),
		Date:      time.Now().UTC(),
	}
}

// line returns the first line of a file.
func line(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return first
}

// field returns the value behind "name:" in a file of such lines.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for _, line := range strings.Split(string(text), "\n") {
		key, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// fileSystem returns the type of the file system that a directory lies on: the mount whose
// directory is the longest prefix.
func fileSystem(mounts, dir string) string {
	text, err := os.ReadFile(mounts)
	if err != nil {
		return "unknown"
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "unknown"
	}
	best, kind := "", "unknown"
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) < 3 || len(words[1]) < len(best) {
			continue
		}
		at := strings.TrimSuffix(words[1], "/")
		if dir == at || strings.HasPrefix(dir, at+"/") {
			best, kind = words[1], words[2]
		}
	}
	return kind
}

// String prints the machine as a list.
func (m Machine) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- %s, %d cores, memory %s\n", m.Processor, m.Cores, m.Memory)
	fmt.Fprintf(&b, "- %s, %s, %s\n", m.Kernel, m.Files, m.Go)
	fmt.Fprintf(&b, "- %s UTC, load average before the run: %s\n",
		m.Date.Format("2006-01-02 15:04"), m.Load)
	return b.String()
}
