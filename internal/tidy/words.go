package tidy

import (
	"path"
	"regexp"
	"strings"
)

// ban is one word or phrase that may not stand in the project.
type ban struct {
	pattern *regexp.Regexp
	fix     string
	where   func(name string) bool // which files it holds for
}

// The patterns are written in two halves, so that this table does not break its own rules.
var bans = []ban{
	{word("FIX" + "ME"), "finish it before merging", anywhere},
	{word("TO" + "DO"), "finish it, or leave the code complete without it", anywhere},
	// Without the colon it is the ISO 4217 code for "no currency".
	{regexp.MustCompile(`\bXX` + `X:`), "finish it before merging", anywhere},
	{word("HA" + "CK"), "say why the code has to be like this", anywhere},
	{word("(?i)not " + "implemented"), "implement it, or leave the feature out", anywhere},
	{word("(?i)un" + "implemented"), "implement it, or leave the feature out", anywhere},
	{word("(?i)st" + "ub(s|bed)?"), "finish it; a double in a test is a fake, name it so", goFiles},
	{word("(?i)in a " + "real (system|implementation)"), "this is the real one", anywhere},
	{
		regexp.MustCompile(`\btime\.` + `Sleep\(`),
		"a tick of the simulator, a channel that says it happened, or testing/synctest", testFiles,
	},
	{
		regexp.MustCompile(`(^|[^A-Za-z0-9._-])/(wo` + `rk|ro` + `ot|ho` + `me)/[a-z.]`),
		"a path of one machine: use t.TempDir, a flag, or a path inside the module", anywhere,
	},
	{regexp.MustCompile(`"/t` + `mp/`), "use t.TempDir or os.MkdirTemp", goFiles},
	{regexp.MustCompile(`\.\./sha` + `red/`), "copy what the test needs into testdata", anywhere},
	{
		regexp.MustCompile(`(pro` + `xy|su` + `m)\.golang\.|deb\.deb` + `ian\.|npm` + `js\.org`),
		"name no registry: the machine's own settings say where it is", anywhere,
	},
}

// word matches a pattern that stands by itself.
func word(pattern string) *regexp.Regexp {
	flags := ""
	if rest, ok := strings.CutPrefix(pattern, "(?i)"); ok {
		flags, pattern = "(?i)", rest
	}
	return regexp.MustCompile(flags + `\b` + pattern + `\b`)
}

func anywhere(string) bool       { return true }
func goFiles(name string) bool   { return path.Ext(name) == ".go" }
func testFiles(name string) bool { return strings.HasSuffix(name, "_test.go") }

// Words reports banned words in one file of any kind.
func Words(file TextFile) []Fault {
	var faults []Fault
	for i, line := range strings.Split(file.Text, "\n") {
		for _, b := range bans {
			if found := b.pattern.FindString(line); found != "" && b.where(file.Path) {
				faults = append(faults, Fault{
					File: file.Path, Line: i + 1,
					What: "banned: " + strings.TrimSpace(found), Fix: b.fix,
				})
			}
		}
	}
	return faults
}
