package forge

import (
	"maps"
	"slices"
)

// byteOperators change the bytes that were written.
var byteOperators = []operator{
	{"bytes", []artifact{aReceipt, anExport}, changeBytes},
	{"frames", []artifact{anExport}, changeFrames},
	{"contents of a frame", []artifact{anExport}, changeFrame},
	{"files", []artifact{aDirectory, aSnapshot}, changeFiles},
	{"files of another ledger", []artifact{aDirectory}, mixFiles},
	{"version of an export", []artifact{anExport}, changeVersion},
}

// tears reports whether bytes may be changed, whose meaning nobody knows then: not by a forger
// that may write some epochs anew.
func (f *forger) tears() bool {
	f.p.torn = f.power <= theAdministrators
	return f.p.torn
}

func (f *forger) spoil(b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	b = slices.Clone(b)
	i := f.rng.IntN(len(b))
	switch f.rng.IntN(4) {
	case 0:
		b[i] ^= 1 << f.rng.IntN(8)
	case 1:
		b = b[:i]
	case 2:
		j := i + f.rng.IntN(min(40, len(b)-i)+1)
		b = slices.Insert(b, j, b[i:j]...)
	default:
		j := i + f.rng.IntN(min(40, len(b)-i)+1)
		b = slices.Delete(b, i, j)
	}
	return b
}

func changeBytes(f *forger) bool {
	f.p.onText = f.spoil
	return f.tears()
}

func changeFrames(f *forger) bool {
	if !f.tears() {
		return false
	}
	i, j, how := f.rng.Int(), f.rng.Int(), f.rng.IntN(5)
	f.note("%d", how)
	f.p.onFrames = func(all []frame) []frame {
		i, j := i%len(all), j%len(all)
		switch how {
		case 0:
			return slices.Delete(all, i, i+1)
		case 1:
			return slices.Insert(all, j, all[i])
		case 2:
			all[i], all[j] = all[j], all[i]
		case 3:
			all[i].kind = byte(j % 9)
		default:
			return slices.Insert(all, j, frame{byte(i % 8), nil})
		}
		return all
	}
	return true
}

func changeFrame(f *forger) bool {
	if !f.tears() {
		return false
	}
	i := f.rng.Int()
	f.p.onFrames = func(all []frame) []frame {
		at := &all[i%len(all)]
		at.body = f.spoil(at.body)
		return all
	}
	return true
}

func changeFiles(f *forger) bool {
	if !f.tears() {
		return false
	}
	f.p.onFiles = func(files map[string][]byte) {
		names := slices.Sorted(maps.Keys(files))
		name := pick(f, names...)
		f.note("%s", name)
		switch f.rng.IntN(4) {
		case 0:
			delete(files, name)
		case 1:
			files[name] = files[pick(f, names...)]
		default:
			files[name] = f.spoil(files[name])
		}
	}
	return true
}

// mixFiles puts files of another ledger into the directory.
func mixFiles(f *forger) bool {
	if !f.tears() {
		return false
	}
	other := f.otherWorld()
	what := f.rng.IntN(3)
	f.note("of world %d: %d", other.seed, what)
	f.p.onFiles = func(files map[string][]byte) {
		q := soundPieces(other, aDirectory, f.rng)
		q.snaps = nil
		theirs, err := q.directory("")
		if err != nil {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(theirs)) {
			isLog := len(name) > 4 && name[:4] == "log/"
			if what == 0 && isLog || what == 1 && name == "epochs" || what == 2 && name == "genesis" {
				files[name] = theirs[name]
			}
		}
	}
	return true
}

func changeVersion(f *forger) bool {
	f.p.version = 3 - f.p.version
	return true
}
