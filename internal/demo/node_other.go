//go:build !linux

package demo

import "syscall"

// endsWithUs puts a process in a group of its own, so that Ctrl-C at the terminal is for the demo
// alone. It outlives the demo where that is killed with SIGKILL: only Linux can prevent it.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
