package db

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain makes rapid try less often than its default of 100, unless it is told otherwise: every
// try of ours opens stores on the disk.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "15"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
