package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	"juno/internal/cli"
)

// outputBufferBytes is written at once: rows are short, and a system call for each is slow.
const outputBufferBytes = 1 << 20

// output is what a verb writes a table to: a new file, a pipe or device that is there already, or
// standard output.
type output struct {
	*bufio.Writer
	// messages is where the verb reports: not among the data.
	messages io.Writer
	file     *os.File // nil for standard output
	fresh    bool     // a new file, which is removed if it is not complete
}

// createOutput opens the output of that name. - is standard output, and so is a name of the same
// file, such as /dev/stdout: opened again, it would begin at its first byte.
func createOutput(c cli.Console, name string) (*output, error) {
	there, err := os.Stat(name)
	if name == "-" || err == nil && isStream(c.Out, there) {
		return &output{Writer: bufio.NewWriterSize(c.Out, outputBufferBytes), messages: c.Err}, nil
	}
	o := &output{messages: c.Out}
	how := os.O_WRONLY
	switch {
	case err == nil && !there.Mode().IsRegular() && !there.IsDir():
		o.messages = c.Err // what reads the other end may be the same terminal
	default:
		how |= os.O_CREATE | os.O_EXCL
		o.fresh = true
	}
	if o.file, err = os.OpenFile(name, how, 0o600); err != nil {
		return nil, err
	}
	o.Writer = bufio.NewWriterSize(o.file, outputBufferBytes)
	return o, nil
}

// isStream reports whether a stream of the process is that file.
func isStream(stream io.Writer, file os.FileInfo) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && os.SameFile(info, file)
}

// end closes the output. written is the error of writing to it. A new file is on the disk when end
// returns nil, and gone when it does not.
func (o *output) end(written error) error {
	err := errors.Join(written, o.Flush())
	if o.file == nil {
		return err
	}
	if o.fresh {
		err = errors.Join(err, o.file.Sync())
	}
	if err = errors.Join(err, o.file.Close()); err != nil && o.fresh {
		err = errors.Join(err, os.Remove(o.file.Name()))
	}
	return err
}
