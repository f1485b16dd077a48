//go:build linux

package chaos

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// inodeOf returns the inode of the socket at the client's end of a TCP connection on this machine,
// as /proc/net/tcp has it; empty if it is gone.
func inodeOf(client, server *net.TCPAddr) string {
	table, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		return ""
	}
	local, remote := endOf(client), endOf(server)
	for row := range strings.Lines(string(table)) {
		// Columns: number, local, remote, state, queues, timer, retransmits, uid, timeout, inode.
		columns := strings.Fields(row)
		if len(columns) > 9 && columns[1] == local && columns[2] == remote {
			return columns[9]
		}
	}
	return ""
}

// endOf is an IPv4 address and port as the kernel prints them: the address in the byte order of
// the machine, which is little-endian on all that this runs on.
func endOf(a *net.TCPAddr) string {
	ip := a.IP.To4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], a.Port)
}

// holds reports whether a process has the socket open.
func holds(pid int, inode string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, n := range names {
		target, err := os.Readlink(filepath.Join(dir, n.Name()))
		if err == nil && target == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}
