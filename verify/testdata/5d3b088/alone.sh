#!/bin/bash
# Makes alone.tar.gz: ledgers of one voter. BUSY names the program of README.md.
. "$(dirname "$0")/lib.sh"

as() { local name=$1; shift; say made.txt shell books --as "$name" "$@"; }

say made.txt init books --clients bank,alice,bob
as alice -c 'CreateAccount alice' -c 'transfer(alice->bob, 1%1)'
as bob -c 'CreateAccount bob'
as bank -c 'AdjustAccount alice 100%1' -c 'AdjustAccount bob 50%3'
as alice -c 'batch test:5 transfer(alice->bob, 1%4)' -c 'transfer(alice->bob, 25%2)' \
	-c 'transfer(alice->bob, 1000%1)'
as bob -c 'transfer(bob->alice, 2%3)' -c 'transfer(alice->bob, 1%1)'
say made.txt snapshot create books
say made.txt key rotate books --as alice
as alice -c 'transfer(alice->bob, 3%1)' -c 'batch test:4 transfer(alice->bob, 30%1)'
as bank -c 'CreateAccount till' -c 'AdjustAccount till 7%1'
say made.txt snapshot create books
as bob -c 'many test:3 transfer(bob->till, 1%2)'
say made.txt key new books carol --as bank
as carol -c 'CreateAccount carol' -c 'transfer(bob->carol, 1%1)'
as bob -c 'transfer(bob->carol, 1%7)'

say made.txt receipt books 5 -o single.json
say made.txt receipt books 12 -o batched.json
say made.txt receipt books 17 -o refused.json
say made.txt receipt books 23 -o key.json
say made.txt receipt books 10 -o head.json
say made.txt receipt books 4 -o term.json
say made.txt snapshot export books whole.juno --whole

# An export while the ledger is busy has entries behind its state. It is made on a copy.
cp -a books side
"$BUSY" side busy.juno bob 'transfer(bob->carol, 1%10)' | sed 's/^/# busy: /' >> made.txt
echo >> made.txt
rm -rf side

# A ledger that goes on from the state of an export, and one for reading.
say made.txt snapshot export books part.juno
say made.txt snapshot import part.juno moved --keys books
say made.txt shell moved --as bob -c 'transfer(bob->carol, 1%1)' \
	-c 'batch test:3 transfer(bob->till, 1%8)'
say made.txt snapshot import part.juno reader
say made.txt log books

# A ledger that was killed: its last entries were answered, and have no certificate yet.
say made.txt init killed --open --clients bank
mkfifo .in
"$JUNO" shell killed -f - < .in > .out 2>&1 &
pid=$!
exec 3> .in
echo 'many test:20 transfer(000->001, 1%1)' >&3
until grep -q '20 ok' .out; do :; done
kill -KILL $pid
wait $pid 2> /dev/null
exec 3>&-
{ echo "# juno shell killed -f -, given 'many test:20 transfer(000->001, 1%1)', and then kill -KILL:"
sed 's/^/# /' .out; echo; } >> made.txt
rm .in .out

for dir in books moved reader killed; do looks $dir; done
checks
pack alone
