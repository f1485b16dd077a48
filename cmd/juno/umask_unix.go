//go:build unix

package main

import "syscall"

// init makes every file that this program writes its owner's alone, those of libraries too:
// ledgers are private.
func init() { syscall.Umask(0o077) }
