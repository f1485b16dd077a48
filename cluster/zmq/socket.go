package zmq

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// eagain is what libzmq says when a queue is full or empty.
const eagain = syscall.EAGAIN

// literalAddress returns what libzmq connects to when the host is an IP address.
func literalAddress(address string) (endpoint string, ipv6, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", false, false
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return "", false, false
	}
	endpoint, ipv6 = tcpAddress(ip, port)
	return endpoint, ipv6, true
}

// findAddress looks a host up. With try it also opens and closes a TCP connection, because the
// operating system says why that fails and libzmq does not.
func findAddress(
	ctx context.Context, address string, try bool,
) (endpoint string, ipv6 bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", false, fmt.Errorf("want host:port: %w", err)
	}
	addresses, err := net.DefaultResolver.LookupIP(ctx, "ip", host)
	if err != nil {
		return "", false, err
	}
	ip := preferV4(addresses)
	if try {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port))
		if err != nil {
			return "", false, err
		}
		_ = c.Close()
	}
	endpoint, ipv6 = tcpAddress(ip, port)
	return endpoint, ipv6, nil
}
