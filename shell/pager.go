package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// pagerDefault shows long lines unbroken (the arrow keys move sideways), ends by itself when all
// fits the screen, and lets colours through.
const pagerDefault = "less -FRSX"

// openPager starts $PAGER with its input in our hands. Close waits until the reader has left it.
func (s *session) openPager() (io.WriteCloser, error) {
	line := s.getenv("PAGER")
	if strings.TrimSpace(line) == "" {
		line = pagerDefault
	}
	cmd := exec.Command("sh", "-c", line)
	cmd.Stdout, cmd.Stderr = s.screen.outFile, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("pager %q: %w", line, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("pager %q: %w", line, err)
	}
	return &pager{in, cmd}, nil
}

// pager is a program that shows what is written to it.
type pager struct {
	io.WriteCloser
	cmd *exec.Cmd
}

func (p *pager) Close() error {
	err := p.WriteCloser.Close()
	// How a pager was left is its own affair.
	if waited := p.cmd.Wait(); waited != nil && !errors.As(waited, new(*exec.ExitError)) {
		err = errors.Join(err, waited)
	}
	return err
}

// edit lets a person change a text in $VISUAL or $EDITOR and returns what is in the file then.
func (s *session) edit(text string) (string, error) {
	program := s.getenv("VISUAL")
	if program == "" {
		program = s.getenv("EDITOR")
	}
	if program == "" {
		program = "vi"
	}
	f, err := os.CreateTemp("", "juno-*.sql") // mode 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	// The name is an argument of the shell, so that nothing in it is read as a command.
	cmd := exec.Command("sh", "-c", program+` "$1"`, "sh", f.Name())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, s.screen.outFile, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("editor %q: %w", program, err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		return "", err
	}
	if len(b) > statementBytesMax {
		return "", fmt.Errorf("the text is longer than %d bytes", statementBytesMax)
	}
	return strings.TrimSpace(string(b)), nil
}
