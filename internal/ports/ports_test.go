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

// TestFreeAtOnce asks from many goroutines, none of which listens yet: no port is given twice.
func TestFreeAtOnce(t *testing.T) {
	const askers, each = 40, 6
	found := make(chan string, askers)
	for range askers {
		go func() {
			address, err := ports.Free(each)
			if err != nil {
				t.Error(err)
			}
			found <- address
		}()
	}
	taken := make(map[int]bool)
	for range askers {
		_, port, err := net.SplitHostPort(<-found)
		if err != nil {
			t.Fatal(err)
		}
		first, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		for i := range each {
			if taken[first+i] {
				t.Errorf("port %d was given twice", first+i)
			}
			taken[first+i] = true
		}
	}
}
