package submit

import (
	"fmt"
	"runtime"
	"sync"

	"juno"
)

const (
	// requestFirstMax keeps a client that chooses its numbers from using them all up.
	requestFirstMax = 1 << 62
	// signedAhead is how many single commands are signed before they are handed on: enough to keep
	// all cores signing, few enough that a cancelled call leaves little behind.
	signedAhead = 256
	// batchBytesTarget keeps a batch within one message to a follower (docs/SPECIFICATION.md, N1).
	batchBytesTarget = 900 << 10
	// commandBytes is about what a command takes in a message besides its text.
	commandBytes = 32
	// commandsPerWorker is how many signatures are worth a goroutine.
	commandsPerWorker = 16
)

// CheckNumber refuses a request number that a caller chose and that commands cannot begin with.
func CheckNumber(first juno.RequestID) error {
	if first == 0 || first > requestFirstMax {
		return fmt.Errorf("request number %d: want one from 1 to %d", first,
			juno.RequestID(requestFirstMax))
	}
	return nil
}

// NumbersEnd bounds the numbers that a client takes by itself.
const NumbersEnd juno.RequestID = requestFirstMax

// Commands reads texts as commands. detect tells the language of a text.
func Commands(texts []string, detect func(string) juno.Language) ([]juno.Command, error) {
	commands := make([]juno.Command, len(texts))
	for i, t := range texts {
		commands[i] = juno.Command{Language: detect(t), Text: t, Request: 1}
		if err := commands[i].Check(); err != nil {
			return nil, fmt.Errorf("command %d: %w", i+1, err)
		}
	}
	return commands, nil
}

// Submission is one call: commands that one client signs.
type Submission struct {
	Cluster  juno.ClusterID
	Commands []juno.Command
	Mode     juno.Mode
	First    juno.RequestID // number of the first command; 0: numbers that were never used
	BatchMax int            // most commands of a batch
}

// Unit is what one signature covers: one command, or the head of a batch with its commands.
type Unit struct {
	First    juno.RequestID // of its first command
	Count    int
	Type     juno.EntryType
	Payload  []byte
	Commands [][]byte // payloads of a batch's commands
}

// Numbers reserves n request numbers from first on, or, if first is 0, as many that were never
// used. It returns the first of them, and the key that signs the commands.
type Numbers func(first juno.RequestID, n int) (juno.RequestID, juno.PrivateKey, error)

// Each cuts the commands of a submission into parts, numbers and signs each part, and hands it to
// launch, in order. prepare makes of a unit what launch needs; it runs on all cores. at is the
// place of the part's first command. If numbers fails, Each ends with its error, and with the place
// of the first command that was not launched.
func Each[U any](
	s *Submission, numbers Numbers, prepare func(Unit) U, launch func(at int, units []U),
) (at int, err error) {
	for at < len(s.Commands) {
		part := s.cut(at)
		first := s.First
		if first != 0 {
			first += juno.RequestID(at)
		}
		first, key, err := numbers(first, len(part))
		if err != nil {
			return at, err
		}
		if s.Mode == juno.Batch {
			launch(at, []U{prepare(batch(key, s.Cluster, first, part))})
		} else {
			launch(at, singles(key, s.Cluster, first, part, prepare))
		}
		at += len(part)
	}
	return at, nil
}

// cut returns the commands from one on that go together, at least one.
func (s *Submission) cut(at int) []juno.Command {
	rest := s.Commands[at:]
	if s.Mode == juno.Single {
		return rest[:min(len(rest), signedAhead)]
	}
	n, size := 0, 0
	for n < len(rest) && n < s.BatchMax {
		size += len(rest[n].Text) + commandBytes
		if n > 0 && size > batchBytesTarget {
			break
		}
		n++
	}
	return rest[:n]
}

func batch(
	key juno.PrivateKey, cluster juno.ClusterID, first juno.RequestID, part []juno.Command,
) Unit {
	head, payloads := juno.SignBatch(key, cluster, first, part)
	return Unit{
		First: first, Count: len(part), Type: juno.EntryBatchHead, Payload: head.Payload(),
		Commands: payloads,
	}
}

// singles signs commands on all cores: that costs more than all else that this side does.
func singles[U any](
	key juno.PrivateKey, cluster juno.ClusterID, first juno.RequestID, part []juno.Command,
	prepare func(Unit) U,
) []U {
	units := make([]U, len(part))
	workers := min(runtime.GOMAXPROCS(0), len(part)/commandsPerWorker+1)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(part); i += workers {
				c := &part[i]
				c.Request = first + juno.RequestID(i)
				c.Sign(key, cluster)
				units[i] = prepare(Unit{
					First: c.Request, Count: 1, Type: juno.EntryCommand, Payload: c.Payload(),
				})
			}
		})
	}
	group.Wait()
	return units
}
