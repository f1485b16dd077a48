package audit

import (
	"sync"

	"juno"
	"juno/verify"
)

const (
	// jobSignatures is how many signatures are verified in one batch: more make one signature
	// hardly cheaper.
	jobSignatures = 2048
	// jobMessageBytes is the memory that the messages of a job begin with.
	jobMessageBytes = jobSignatures * 128
)

// pool verifies signatures on many cores.
type pool struct {
	jobs  chan *job
	spare chan *job
	group sync.WaitGroup
	fill  *job // being filled

	mu sync.Mutex // of the findings that jobs write to
}

// job is a batch of signatures.
type job struct {
	items    []item
	messages []byte
	// attestations, if there are any, are all that the job is: certificates to be proven.
	attestations []*verify.Attestation
	proofs       *proofs
}

// item is one signature.
type item struct {
	public     juno.PublicKey
	signature  juno.Signature
	start, end int // of the message
	index      juno.Index
	finding    *juno.Finding
	what       string // whose signature, for people
}

func newPool(workers int) *pool {
	p := &pool{jobs: make(chan *job, workers), spare: make(chan *job, 3*workers), fill: &job{}}
	for range workers {
		p.group.Add(1)
		go p.work()
	}
	return p
}

func (p *pool) work() {
	defer p.group.Done()
	batch := juno.NewBatchVerifier(jobSignatures)
	for j := range p.jobs {
		if len(j.attestations) > 0 {
			j.proofs.proven(verify.Prove(batch, j.attestations), j.attestations)
			continue
		}
		for i := range j.items {
			s := &j.items[i]
			batch.Add(s.public, j.messages[s.start:s.end], s.signature)
		}
		for i, ok := range batch.Verify() {
			if !ok {
				p.bad(&j.items[i])
			}
		}
		clear(j.items)
		j.items, j.messages = j.items[:0], j.messages[:0]
		select {
		case p.spare <- j:
		default:
		}
	}
}

func (p *pool) bad(s *item) {
	p.mu.Lock()
	defer p.mu.Unlock()
	keep(s.finding, fault{
		s.index, "a valid signature of " + s.what, "one that is not",
		"bad signature",
	})
}

// keep notes a fault in a finding that jobs may write to as well.
func (p *pool) keep(f *juno.Finding, bad fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	keep(f, bad)
}

// add queues a signature over an envelope. It waits while all workers are busy.
func (p *pool) add(s item, cluster juno.ClusterID, e *juno.Envelope) {
	j := p.fill
	if j.messages == nil {
		j.messages = make([]byte, 0, jobMessageBytes)
		j.items = make([]item, 0, jobSignatures)
	}
	s.start, s.signature = len(j.messages), e.Signature
	j.messages = juno.AppendSigningBytes(j.messages, e.Kind, cluster, e.Body)
	s.end = len(j.messages)
	if j.items = append(j.items, s); len(j.items) == jobSignatures {
		p.send()
	}
}

func (p *pool) send() {
	p.jobs <- p.fill
	select {
	case p.fill = <-p.spare:
	default:
		p.fill = &job{}
	}
}

// stop verifies what is queued and ends the workers.
func (p *pool) stop() {
	p.jobs <- p.fill
	close(p.jobs)
	p.group.Wait()
}
