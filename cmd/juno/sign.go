package main

import (
	"flag"
	"fmt"
	"strings"

	"juno"
	"juno/datadir"
	"juno/internal/cli"
)

// signing says who signs a change, and what becomes of it.
type signing struct {
	by       *string // administrators; empty: as many as it takes, of those whose keys are here
	signOnly *string // write it to this file
	with     *string // go on with what is in this file
}

func signingFlags(set *flag.FlagSet) *signing {
	return &signing{
		by: set.String("by", "", "sign as these administrators, `a,b`"),
		signOnly: set.String("sign-only", "",
			"write the signed change to this `file`, and submit nothing"),
		with: set.String("with", "",
			"sign the change in this `file`, and submit it if it is complete"),
	}
}

// keys returns the keys that sign, at most most of them unless they are named.
func (s *signing) keys(path string, most int) (keys []juno.PrivateKey, err error) {
	dir, err := datadir.Open(path)
	if err != nil {
		return nil, err
	}
	names := words(*s.by)
	if len(names) == 0 {
		if names, err = dir.AdminNames(); err != nil {
			return nil, err
		}
		names = names[:min(len(names), most)]
	}
	for _, name := range names {
		key, err := dir.AdminKey(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no administrator's key in %s", path)
	}
	return keys, nil
}

// file returns where an unfinished change is kept.
func (s *signing) file() string {
	if *s.signOnly != "" {
		return *s.signOnly
	}
	return *s.with
}

// signConfig signs a change of the membership: the one in the file that is given, or a new one. It
// is ready when enough have signed and it is not to be written down.
func signConfig(
	path string, s *signing, draft func() (*juno.ConfigChange, error),
) (change *juno.ConfigChange, ready bool, err error) {
	if *s.with != "" {
		payload, err := readChange(*s.with)
		if err != nil {
			return nil, false, err
		}
		if change, err = juno.ParseConfigChange(payload); err != nil {
			return nil, false, fmt.Errorf("%s: %w", *s.with, err)
		}
	} else if change, err = draft(); err != nil {
		return nil, false, err
	}
	threshold := change.Next.AdminThreshold
	keys, err := s.keys(path, threshold)
	if err != nil {
		return nil, false, err
	}
	dir, err := datadir.Open(path)
	if err != nil {
		return nil, false, err
	}
	for _, key := range keys {
		change.Approve(key, dir.Genesis.ID())
	}
	ready = len(change.Approvals) >= threshold && *s.signOnly == ""
	if !ready && s.file() != "" {
		err = writeChange(s.file(), change.Payload())
	} else if !ready {
		err = fmt.Errorf("%d of %d signatures: --sign-only FILE writes the change to a file for "+
			"the other administrators",
			len(change.Approvals), threshold)
	}
	return change, ready, err
}

// sayUnfinished says where a change waits for more signatures.
func sayUnfinished(c cli.Console, s *signing, err error) error {
	if err == nil {
		fmt.Fprintf(c.Out, "signed, and written to %s; the next administrator adds --with %s\n",
			s.file(), s.file())
	}
	return err
}

// words splits a list with commas; an empty text is an empty list.
func words(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
