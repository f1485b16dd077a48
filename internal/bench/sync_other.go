//go:build !linux

package bench

import "os"

// dataSync makes a file durable.
func dataSync(file *os.File) error { return file.Sync() }
