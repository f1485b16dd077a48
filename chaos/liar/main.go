// Command liar runs a node that lies, for package chaos:
//
//	liar server --listen HOST:PORT DIR
//
// Its own core stays honest; what leaves it does not. It signs a second chain where it leads, and
// votes for chains that nobody has, under its own key. It repeats frames of its own and of others,
// keeps silent for a while, and floods. It counts on standard error what it did.
//
// It runs until SIGINT or SIGTERM, like juno server, and prints the same first line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"juno/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "liar:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	set := flag.NewFlagSet("liar server", flag.ContinueOnError)
	listen := set.String("listen", "", "`host:port` to listen on")
	if len(args) == 0 || args[0] != "server" || set.Parse(args[1:]) != nil || set.NArg() != 1 {
		return errors.New("usage: liar server --listen HOST:PORT DIR")
	}
	s, err := server.Open(set.Arg(0), server.Options{
		Listen: *listen, Software: "liar", Transport: lying,
		Warn: func(text string) { fmt.Fprintln(os.Stderr, "warning:", text) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Printf("%s listens on %s\n", s.Ledger.NodeID(), s.Address())
	return s.Wait(ctx)
}
