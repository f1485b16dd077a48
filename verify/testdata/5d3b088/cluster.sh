#!/bin/bash
# Makes cluster.tar.gz: four voters; node5 comes, node4 goes, keys change.
. "$(dirname "$0")/lib.sh"

as() { local name=$1; shift; say made.txt shell --connect town --as "$name" "$@"; }

say made.txt init town --nodes 4 --clients bank,alice,bob --admins ann,ben,cem --threshold 2 \
	--checkpoint-every 64 --listen 127.0.0.1:28411
for n in 1 2 3 4; do server town/node$n; done
await leader

# Epoch 0.
as alice -c 'CreateAccount alice'
as bob -c 'CreateAccount bob'
as bank -c 'AdjustAccount alice 1000%1' -c 'AdjustAccount bob 1000%1'
as alice -c 'transfer(alice->bob, 25%2)' -c 'batch test:40 transfer(alice->bob, 1%4)' \
	-c 'transfer(alice->bob, 5000%1)'
as bob -c 'many test:120 transfer(bob->alice, 1%3)' -c 'transfer(alice->bob, 1%1)'
say made.txt receipt --connect town 6 -o first-single.json
say made.txt receipt --connect town 11 -o first-batched.json
say made.txt receipt --connect town 48 -o first-refused.json

# Epochs 1 to 4.
say made.txt node add town town/node5 --address 127.0.0.1:28415
server town/node5 --listen 127.0.0.1:28415
await 'node5 .* observer +[0-9]'
say made.txt node promote town 5
as bob -c 'many test:60 transfer(bob->alice, 1%3)'
say made.txt node remove town 4
stop node4
as alice -c 'many test:60 transfer(alice->bob, 1%7)'
say made.txt node rotate town/node2 --connect town
say made.txt key rotate --connect town --as alice
as alice -c 'batch test:30 transfer(alice->bob, 1%9)' -c 'transfer(alice->bob, 2%1)'
say made.txt freeze town --reason 'a drill'
say made.txt resume town
say made.txt key new --connect town carol --as bank
as carol -c 'CreateAccount carol'
as bob -c 'many test:70 transfer(bob->carol, 1%3)' -c 'transfer(alice->bob, 1%1)'
say made.txt log town/node1 --from 296 --to 306
say made.txt receipt --connect town 330 -o last-single.json
say made.txt receipt --connect town 303 -o last-batched.json
say made.txt receipt --connect town 404 -o last-refused.json
say made.txt receipt --connect town 298 -o last-key.json

# All of them end and start: what they answered is forgotten.
for n in 1 2 3 5; do stop node$n; done
for n in 1 2 3; do server town/node$n; done
server town/node5 --listen 127.0.0.1:28415
await leader
as bob -c 'transfer(bob->carol, 1%1)'
say made.txt receipt --connect town 6 -o old-single.json
say made.txt receipt --connect town 11 -o old-batched.json
say made.txt status --connect town
for n in 1 2 3 5; do stop node$n; done

# From the directories of stopped nodes.
say made.txt receipt town/node2 6 -o dir-first-single.json
say made.txt receipt town/node2 330 -o dir-last-single.json
say made.txt snapshot export town/node2 whole.juno --whole
say made.txt snapshot export town/node1 part.juno
say made.txt snapshot export town/node2 rotated.juno
say made.txt snapshot import part.juno reader
say made.txt snapshot import rotated.juno never
say made.txt snapshot list town/node1
say made.txt snapshot list town/node2

# Snapshots by themselves, with the genesis and nothing else.
mkdir loose loose-rotated
cp town/genesis town/node1/snapshots/*384* loose
cp town/genesis town/node2/snapshots/*384* loose-rotated
mv town/node2 town/node4 .
rm -rf town/node? town/LOCK node?.log
for dir in node2 node4 reader; do looks $dir; done
checks
say town.txt key show town
say town.txt status --connect town
pack cluster
