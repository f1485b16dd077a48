package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"juno/embedded"
	"juno/internal/vfs"
)

// carry takes a snapshot, exports the ledger, imports it elsewhere, and verifies both.
func (d *demo) carry(ctx context.Context) error {
	d.say("Snapshot, export, import elsewhere; verify all of it without a key")
	if err := d.run(ctx, `\snapshot`); err != nil {
		return err
	}
	file, elsewhere := d.path+".juno", d.path+"-imported"
	info, err := d.ledger.Export(ctx, file, true)
	if err != nil {
		return err
	}
	c := d.console
	c.out = &indent{w: d.out, text: "   "}
	printExport(c, filepath.Base(file), info)
	if err := d.close(); err != nil {
		return err
	}
	imported, err := embedded.Import(ctx, file, elsewhere, embedded.ImportOptions{})
	if err != nil {
		return err
	}
	printImport(c, filepath.Base(elsewhere), imported)
	for _, path := range []string{d.path, file, elsewhere} {
		fmt.Fprintf(c.out, "\njuno verify %s\n", filepath.Base(path))
		if err := runVerify(ctx, c, []string{path}); err != nil {
			return err
		}
	}
	return nil
}

// tamper flips one bit of a copied log and lets the verifier name the entry.
func (d *demo) tamper(ctx context.Context) error {
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
	err = runVerify(ctx, s.inner(), []string{bad})
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != exitVerify {
		return fmt.Errorf("the verifier did not notice: %w", err)
	}
	return nil
}
