package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fullScript runs in a mount namespace of its own, on a disk of 131 MiB. The computed state wants
// 128 of them free, so that the disk is full after some ten thousand payments. What was
// acknowledged is the calls of which the shell said so.
const fullScript = `
mount -t tmpfs -o size=131m none "$1" || exit 77
cd "$1"
echo mounted
juno init books --open >out.txt
juno shell books -c 'CreateAccount a' -c 'CreateAccount b' -c 'AdjustAccount a 1000000%1' >out.txt
for i in $(seq 100); do
	echo 'batch test:2000 transfer(a->b, 1%1)'
done >pay
juno shell books -f pay >out.txt 2>err.txt
echo "paying: exit code $?"
grep -o 'disk full: [0-9]* MiB free in books/state, want 128' err.txt | sed 's/[0-9]* MiB/… MiB/'
acknowledged=$(grep -c '^2,000 ok; entries' out.txt)
juno verify books >out.txt
echo "verify: exit code $?"
juno shell books -c 'SELECT 1' >out.txt 2>err.txt
echo "opening: exit code $?"
grep -o 'make room and start again' err.txt
mount -o remount,size=900m "$1"
juno shell books --format csv -c "SELECT balance >= 2000 * $acknowledged, $acknowledged > 0
	FROM accounts WHERE name = 'b'" | sed -n 2p
juno shell books -c 'transfer(a->b, 1%1)' >out.txt
juno verify books >out.txt
echo "with room: exit code $?"
`

const fullWant = `mounted
paying: exit code 4
disk full: … MiB free in books/state, want 128
verify: exit code 0
opening: exit code 1
make room and start again
1,1
with room: exit code 0
`

// TestFullDisk fills a disk. What was acknowledged stays, the process ends by itself and says why,
// and with room made it goes on. Exit code 4 says that the outcome of the last call is not known.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 131 MiB")
	}
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var args []string
	if os.Getuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	args = append(args, "--mount", "sh", "-c", fullScript, "sh", dir)
	cmd := exec.Command("unshare", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if len(out) == 0 {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	if got := string(out); got != fullWant {
		t.Errorf("got:\n%s\nwant:\n%s", got, fullWant)
	}
}
