package ports_test

import (
	"net"
	"strconv"
	"testing"

	"juno/internal/ports"
)

func TestFree(t *testing.T) {
	first, err := ports.Free(5)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(first)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil || host != "127.0.0.1" || n < 10_000 || n >= 30_000 {
		t.Errorf("%s, %v", first, err)
	}
	for i := range 5 {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(n+i)))
		if err != nil {
			t.Fatalf("port %d of 5: %v", i+1, err)
		}
		defer l.Close()
	}
}
