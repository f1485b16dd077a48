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

// eagain is libzmq's error for a full or an empty queue.
const eagain = zmq4.Errno(syscall.EAGAIN)

// bindURI converts "host:port" to the address that libzmq binds to.
func bindURI(listen string) (uri string, ipv6 bool, err error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", false, fmt.Errorf("zmq: listen on %q: expected host:port: %w", listen, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", false, fmt.Errorf("zmq: listen on %q: port is %q; expected a number up to 65535",
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

// literalURI returns the address that libzmq connects to, if the host is an IP address.
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

// resolveURI looks up the host and returns the address that libzmq connects to. With probe it
// also opens and closes a TCP connection: the operating system reports why that fails, libzmq
// does not.
func resolveURI(
	ctx context.Context, address string, probe bool,
) (uri string, ipv6 bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", false, fmt.Errorf("expected host:port: %w", err)
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

// preferIPv4 selects an address; names such as localhost have one of each family.
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

// curveOverheadBytes is what CURVE adds to a frame, which counts for libzmq's limit: command name
// (8), nonce (8), authenticator (16), flags (1).
const curveOverheadBytes = 33

// setCommonOptions sets the options that all sockets share. The receive queue is unbounded, and
// the loop drops what it cannot take. With a bound, libzmq 4.3 aborts the process if a connection
// breaks while received frames wait in a full queue (libzmq issue 4364), so that one member could
// abort another on purpose.
func setCommonOptions(s *zmq4.Socket, frameBytesMax, sendFramesMax int, ipv6 bool) error {
	return errors.Join(
		s.SetLinger(0), s.SetMaxmsgsize(int64(frameBytesMax+curveOverheadBytes)),
		s.SetSndhwm(sendFramesMax), s.SetRcvhwm(0),
		s.SetHandshakeIvl(handshakeTimeout), s.SetIpv6(ipv6))
}

// setHeartbeatOptions makes the connecting side send heartbeats. A PING carries for how long the
// listening side may wait for the next one (TTL), so both sides notice a dead connection.
func setHeartbeatOptions(s *zmq4.Socket) error {
	return errors.Join(
		s.SetHeartbeatIvl(heartbeatEvery), s.SetHeartbeatTimeout(heartbeatTimeout),
		s.SetHeartbeatTtl(heartbeatTTL))
}
