package bench

import (
	"fmt"
	"os"

	"juno"
)

const (
	// manyTransfers is what the demo gives to many and batch at once.
	manyTransfers = 8000
	// batchTransfers is as much as the peers can put into one of their transactions.
	batchTransfers = 300
	// largestBatch is as much as one signature can be about.
	largestBatch = 4095
)

// many measures commands that are signed each by itself, and what signing, verifying and the disk
// would allow by themselves.
func (b *bench) many() error {
	return b.with("many", func(l *openLedger) error {
		disk, err := b.disk()
		if err != nil {
			return err
		}
		defer disk.close()
		gauges := []*gauge{disk.gauge, b.signing()}
		for _, clients := range []int{1, 16, 64} {
			gauges = append(gauges, b.writes(l, "transfer", clients, 1, juno.Single,
				"signed by its client, one sync for all that wait"))
		}
		gauges = append(gauges, b.writes(l, "many", 1, manyTransfers, juno.Single,
			fmt.Sprintf("each signed by itself, %d given at once", manyTransfers)))
		return b.rounds(gauges...)
	})
}

// batch measures commands that share a signature.
func (b *bench) batch() error {
	return b.with("batch", func(l *openLedger) error {
		note := func(n int) string { return fmt.Sprintf("%d transfers under one signature", n) }
		return b.rounds(
			b.writes(l, "batch", 1, batchTransfers, juno.Batch, note(batchTransfers)),
			b.writes(l, "batch", 16, batchTransfers, juno.Batch, note(batchTransfers)),
			b.writes(l, "batch-large", 1, largestBatch, juno.Batch, note(largestBatch)),
			b.writes(l, "batch-large", 4, largestBatch, juno.Batch, note(largestBatch)),
		)
	})
}

// writes is a gauge of clients that submit so many transfers at a time and wait for all of them.
func (b *bench) writes(
	l *openLedger, name string, clients, at int, mode juno.Mode, note string,
) *gauge {
	r := result{Name: "juno/" + name, Unit: "transfers/s", Clients: clients, Note: note}
	return b.loop(r, clients, func(c int, draw *pairs) (int, error) {
		return at, submit(b.ctx, l.clients[c], draw.texts(at, loadAccounts), mode)
	})
}

// disk is the disk by itself: append 8 KiB to a file and make them durable, as the peers'
// benchmark does.
type disk struct {
	gauge *gauge
	file  *os.File
}

const diskBytes = 8 << 10

func (b *bench) disk() (*disk, error) {
	file, err := os.CreateTemp(b.dir, "fsync")
	if err != nil {
		return nil, err
	}
	block := make([]byte, diskBytes)
	for i := range block {
		block[i] = byte(i)
	}
	r := result{
		Name: "disk/fsync", Unit: "syncs/s", Clients: 1,
		Note: "append 8 KiB, fdatasync",
	}
	g := b.loop(r, 1, func(int, *pairs) (int, error) {
		if _, err := file.Write(block); err != nil {
			return 0, err
		}
		return 1, dataSync(file)
	})
	return &disk{g, file}, nil
}

// close removes the file; that it was closed and is gone makes no difference to anybody.
func (d *disk) close() {
	_ = d.file.Close()
	_ = os.Remove(d.file.Name())
}
