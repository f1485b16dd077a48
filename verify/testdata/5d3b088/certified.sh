#!/bin/bash
# Makes certified.tar.gz: a node that drops its log behind certified snapshots.
. "$(dirname "$0")/lib.sh"

load() { say made.txt shell --connect town -c "$1"; }

say made.txt init town --nodes 4 --open --clients bank --checkpoint-every 100 \
	--listen 127.0.0.1:28421
for n in 1 2 3 4; do
	echo 'log_kept = certified' >> town/node$n/juno.conf
	server town/node$n
done
await leader
load 'many test:200 transfer(000->001, 1%1)'
say made.txt node rotate town/node3 --connect town

# A log is dropped by the segment, and a segment has 32 MiB.
long=$(printf 'x%.0s' $(seq 60000))
echo '# juno shell --connect town -c "many test:560 $long##CODEtransfer(000->001, 1%2)"' >> made.txt
"$JUNO" shell --connect town -c "many test:560 $long##CODEtransfer(000->001, 1%2)" |
	sed 's/^/# /' >> made.txt
echo >> made.txt
for n in 3 4 5 6 7; do load "many test:120 transfer(000->002, 1%$n)"; done
say made.txt node rotate town/node2 --connect town
load 'batch test:20 transfer(000->002, 1%8)'
load 'transfer(000->003, 1%1)'
newest=$(sed -n 's/^ok, entry \([0-9]*\) .*/\1/p' made.txt)
say made.txt receipt --connect town 1200 -o held.json
say made.txt receipt --connect town $newest -o newest.json
say made.txt receipt --connect town 3 -o dropped.json
say made.txt status --connect town
for n in 1 2 3 4; do stop node$n; done

say made.txt snapshot list town/node3
say made.txt snapshot export town/node1 part.juno
say made.txt snapshot export town/node1 whole.juno --whole
cp -a town/node3 copy
say made.txt receipt copy $newest -o dir-newest.json
say made.txt receipt copy 1200 -o dir-held.json
say made.txt receipt copy 3 -o dir-dropped.json
mv town/node3 .
rm -rf copy town node?.log
looks node3
checks
pack certified
