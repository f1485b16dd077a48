package embedded

import "path/filepath"

// The names in a directory, which package datadir keeps to itself.
const (
	genesisName  = "genesis"
	settingsName = "juno.conf"
	keysName     = "keys"
	logName      = "log"
	stateName    = "state"
	nodeFileName = "node"
	epochsName   = "epochs"
	nextSuffix   = "-next"
)

func keyPath(path, name string) string { return filepath.Join(path, keysName, name+".key") }
