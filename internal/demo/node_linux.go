package demo

import "syscall"

// endsWithUs makes a process end when the demo does, however that ends. It is in a group of its
// own, so that Ctrl-C at the terminal is for the demo alone.
func endsWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
