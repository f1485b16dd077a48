package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"juno/internal/cli"
	"juno/internal/vfs"
)

// carry takes a snapshot, exports the ledger, imports it elsewhere, and verifies both.
func (d *aloneRun) carry(ctx context.Context) error {
	d.say("Snapshot, export, import elsewhere; verify all of it without a key")
	if err := d.run(ctx, `\snapshot`); err != nil {
		return err
	}
	file, elsewhere := d.path+".juno", d.path+"-imported"
	if err := d.close(); err != nil {
		return err
	}
	c := d.inner()
	for _, words := range [][]string{
		{"snapshot", "export", d.path, file, "--whole"},
		{"snapshot", "import", file, elsewhere},
		{"verify", d.path},
		{"verify", file},
		{"verify", elsewhere},
	} {
		fmt.Fprintf(c.Out, "\njuno %s\n", d.named(words))
		if err := d.tools.Call(ctx, c, words...); err != nil {
			return err
		}
	}
	return nil
}

// named returns the words of a call as somebody in the ledger's parent directory would type them.
func (d *aloneRun) named(words []string) string {
	return strings.ReplaceAll(strings.Join(words, " "), filepath.Dir(d.path)+"/", "")
}

// tamper flips one bit of a copied log and lets the verifier name the entry.
func (d *aloneRun) tamper(ctx context.Context) error {
	d.say("One bit flipped in a copy")
	if err := d.flip(ctx, d.path, d.path+"-tampered"); err != nil {
		return err
	}
	return d.start()
}

// flip flips one bit in a copy of a directory, and wants the verifier to find it.
func (s *stage) flip(ctx context.Context, path, bad string) error {
	if err := os.CopyFS(bad, os.DirFS(path)); err != nil {
		return fmt.Errorf("copy the ledger: %w", err)
	}
	segments, err := filepath.Glob(filepath.Join(bad, "log", "*.wal"))
	if err != nil || len(segments) == 0 {
		return fmt.Errorf("no log in %s (%w)", bad, err)
	}
	info, err := os.Stat(segments[0])
	if err != nil {
		return err
	}
	bit := info.Size() / 3 * 8
	if err := vfs.FlipBit(vfs.OS{}, segments[0], bit); err != nil {
		return err
	}
	s.printf("bit %d of %s\n", bit, filepath.Base(segments[0]))
	err = s.tools.Call(ctx, s.inner(), "verify", bad)
	if !errors.Is(err, cli.ExitVerify) {
		return fmt.Errorf("the verifier did not notice: %w", err)
	}
	return nil
}
