package zmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	zmq4 "github.com/pebbe/zmq4"
)

// eagain is what libzmq says when a queue is full or empty.
const eagain = syscall.EAGAIN

// literalAddress returns what libzmq connects to when the host is an IP address.
func literalURI(address string) (uri string, ipv6, ok bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", false, false
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return "", false, false
	}
	uri, ipv6 = tcpURI(ip, port)
	return uri, ipv6, true
}

// findAddress looks a host up. With try it also opens and closes a TCP connection, because the
// operating system says why that fails and libzmq does not.
func resolveURI(
	ctx context.Context, address string, probe bool,
) (uri string, ipv6 bool, err error) {
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
	ip := preferIPv4(addresses)
	if probe {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port))
		if err != nil {
			return "", false, err
		}
		_ = c.Close()
	}
	uri, ipv6 = tcpURI(ip, port)
	return uri, ipv6, nil
}

// bindAddress turns "host:port" into what libzmq binds to.
func bindURI(listen string) (uri string, ipv6 bool, err error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", false, fmt.Errorf("zmq: listen on %q: want host:port: %w", listen, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", false, fmt.Errorf("zmq: listen on %q: port %q is no number up to 65535",
			listen, port)
	} else if n == 0 {
		port = "*"
	}
	if host == "" {
		return "tcp://*:" + port, false, nil
	}
	if _, err := net.InterfaceByName(host); err == nil {
		return "tcp://" + host + ":" + port, false, nil
	}
	addresses, err := net.LookupIP(host)
	if err != nil {
		return "", false, fmt.Errorf("zmq: listen on %q: %w", listen, err)
	}
	uri, ipv6 = tcpURI(preferIPv4(addresses), port)
	return uri, ipv6, nil
}

// preferV4 picks an address; names such as localhost have one of each kind.
func preferIPv4(addresses []net.IP) net.IP {
	for _, a := range addresses {
		if a.To4() != nil {
			return a
		}
	}
	return addresses[0]
}

func tcpURI(ip net.IP, port string) (uri string, ipv6 bool) {
	return "tcp://" + net.JoinHostPort(ip.String(), port), ip.To4() == nil
}

// curveBytes is what encryption adds to a frame, which counts for libzmq's limit: name of the
// command (8), nonce (8), authenticator (16), flags (1).
const curveOverheadBytes = 33

// setCommon sets what all sockets have in common.
func setCommonOptions(s *zmq4.Socket, frameBytesMax int) error {
	return errors.Join(
		s.SetLinger(0), s.SetMaxmsgsize(int64(frameBytesMax+curveOverheadBytes)),
		s.SetHandshakeIvl(handshakeTimeout))
}

// setHeartbeat lets whoever made a connection ask whether the other end is there. A question says
// for how long the next one may keep the other end waiting (TTL), so one side that asks is enough
// for both to notice.
func setHeartbeatOptions(s *zmq4.Socket) error {
	return errors.Join(
		s.SetHeartbeatIvl(heartbeatEvery), s.SetHeartbeatTimeout(heartbeatTimeout),
		s.SetHeartbeatTtl(heartbeatTTL))
}
