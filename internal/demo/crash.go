package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"juno"
	"juno/embedded"
	"juno/internal/cli"
)

const (
	// crashBatch is small, so that many answers come before the kill.
	crashBatch = 500
	// crashAfter is how many acknowledged batches the demo waits for before it kills.
	crashAfter = 8
)

// writeUntilKilled pays for ever and prints, for each batch that was acknowledged, the last index
// and the hash there. It is the process that the demo kills.
func writeUntilKilled(ctx context.Context, c cli.Console, path string) (err error) {
	ledger, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		return err
	}
	client, err := ledger.Client(clientName)
	if err != nil {
		return err
	}
	texts := make([]string, crashBatch)
	for i := range texts {
		texts[i] = payment
	}
	for ctx.Err() == nil {
		outcomes, err := client.Submit(ctx, texts, juno.Batch, nil)
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			if o.Err != nil {
				return o.Err
			}
		}
		pos, err := ledger.Position(outcomes[len(outcomes)-1].Index)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "acknowledged %d %s\n", pos.Index, pos.Hash)
	}
	return ledger.Close()
}

// crash kills a writer with SIGKILL in the middle of a batch, opens its ledger, and compares what
// was acknowledged with what is there.
func (d *aloneRun) crash(ctx context.Context) error {
	d.say("kill -9 in the middle of a batch; then start again")
	if err := d.close(); err != nil {
		return err
	}
	acknowledged, err := d.killWriter(ctx)
	if err != nil {
		return err
	}
	d.printf("killed; the last answer before that named entry %s", acknowledged)
	if err := d.start(); err != nil {
		return err
	}
	head := d.ledger.Head()
	got, err := d.ledger.Position(acknowledged.Index)
	if err != nil || got != acknowledged {
		return fmt.Errorf("lost: %s was acknowledged, the log has %s (%w)", acknowledged, got, err)
	}
	d.printf("opened again at entry %d: everything that was acknowledged is there, unchanged",
		head.Index)
	return nil
}

func (d *aloneRun) killWriter(ctx context.Context) (last juno.Pos, err error) {
	self, err := os.Executable()
	if err != nil {
		return last, fmt.Errorf("find this program: %w", err)
	}
	writer := exec.CommandContext(ctx, self, "demo", "--writer", d.path)
	writer.Stderr = d.Err
	out, err := writer.StdoutPipe()
	if err != nil {
		return last, err
	}
	if err := writer.Start(); err != nil {
		return last, fmt.Errorf("start the writer: %w", err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < crashAfter && lines.Scan(); n++ {
		if last, err = parseAcknowledged(lines.Text()); err != nil {
			break
		}
	}
	// The next batch is on its way now: the writer does not wait between them.
	killed := writer.Process.Kill()
	for err == nil && lines.Scan() { // answers that were given before the kill count too
		last, err = parseAcknowledged(lines.Text())
	}
	_ = writer.Wait() // "signal: killed" is what was asked for
	if err == nil {
		err = killed
	}
	if err == nil && last.Index == 0 {
		err = fmt.Errorf("the writer ended before it acknowledged anything: %w",
			io.ErrUnexpectedEOF)
	}
	return last, err
}

func parseAcknowledged(line string) (p juno.Pos, err error) {
	var hash string
	if _, err := fmt.Sscanf(line, "acknowledged %d %s", &p.Index, &hash); err != nil {
		return p, fmt.Errorf("writer said %.80q: %w", strings.TrimSpace(line), err)
	}
	p.Hash, err = juno.ParseHash(hash)
	return p, err
}
