package juno

import "fmt"

// AppendEpochChange appends the canonical bytes of e: the chain hash before its entry (32), the
// entry (AppendEntry), the certificate (AppendCertificate).
func AppendEpochChange(b []byte, e *EpochChange) []byte {
	b = AppendEntry(append(b, e.Prev[:]...), &e.Entry)
	return AppendCertificate(b, e.Certificate)
}

// EpochChange reads what AppendEpochChange wrote. It checks the form only: Next checks the proof.
func (d *Decoder) EpochChange() (e EpochChange) {
	e.Prev, e.Entry = d.Hash(), d.Entry()
	e.Certificate = d.Certificate()
	return e
}

const (
	epochChangesVersion = 1
	epochChangesMax     = 1 << 16
)

// AppendEpochChanges appends the canonical bytes of a list of ends of epochs: version (1), count
// (uvarint), then each change (AppendEpochChange).
func AppendEpochChanges(b []byte, all []EpochChange) []byte {
	b = AppendUvarint(append(b, epochChangesVersion), uint64(len(all)))
	for i := range all {
		b = AppendEpochChange(b, &all[i])
	}
	return b
}

// ParseEpochChanges reads what AppendEpochChanges wrote. It checks the form only: package verify
// checks what the changes prove.
func ParseEpochChanges(b []byte) ([]EpochChange, error) {
	d := NewDecoder(b)
	d.Version(epochChangesVersion, "ends of epochs")
	var all []EpochChange
	for range d.Count(epochChangesMax) {
		e := d.EpochChange()
		if d.Err() != nil {
			break
		}
		all = append(all, e)
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("ends of epochs: %w", err)
	}
	return all, nil
}
