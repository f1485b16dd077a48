package shell

// style colours text. The zero style leaves it as it is.
type style struct {
	colored bool
}

// SGR parameters (ECMA-48 §8.3.117) of what the shell prints.
const (
	sgrBold   = "1"
	sgrDim    = "2"
	sgrRed    = "31"
	sgrGreen  = "32"
	sgrYellow = "33"
)

func (s style) paint(sgr, text string) string {
	if !s.colored || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string { return s.paint(sgrBold, text) }
func (s style) dim(text string) string  { return s.paint(sgrDim, text) }
func (s style) good(text string) string { return s.paint(sgrGreen, text) }
func (s style) bad(text string) string  { return s.paint(sgrRed, text) }
func (s style) hint(text string) string { return s.paint(sgrYellow, text) }

// colorWanted says whether a terminal may be coloured: https://no-color.org asks for silence as
// soon as NO_COLOR holds anything, and a dumb terminal would show the codes.
func colorWanted(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && getenv("TERM") != ""
}
