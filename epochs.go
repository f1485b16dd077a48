package juno

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
