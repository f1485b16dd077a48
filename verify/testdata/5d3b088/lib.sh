# What the three scripts share. JUNO names the program of 5d3b088; a script makes everything in the
# folder that it runs in, which should be empty.
set -u
JUNO=${JUNO:-juno}

# say FILE ARGS: runs juno, and appends the command line, standard output, standard error (each
# line behind "! ") and the exit code (behind "? ") to FILE.
say() {
	local file=$1 word line='$ juno' code
	shift
	for word in "$@"; do
		case $word in
		*[!A-Za-z0-9_./,:=-]*) line+=" '$word'" ;;
		*) line+=" $word" ;;
		esac
	done
	"$JUNO" "$@" > .out 2> .err
	code=$?
	{ echo "$line"; cat .out; sed 's/^/! /' .err; echo "? $code"; echo; } >> "$file"
	rm -f .out .err
}

accounts='SELECT name, currency, balance FROM accounts ORDER BY name, currency'
commands='SELECT log_index, client, request_id, body, status, error_code FROM commands ORDER BY log_index DESC LIMIT 12'
entries='SELECT log_index, kind, payload_hash, hash FROM log WHERE bytes > 32 ORDER BY log_index DESC LIMIT 12'

# looks DIR: DIR.txt is what the program says about a directory, whose computed state is left out.
# Whatever opens it has a copy of its own, so that the directory stays as it is.
looks() {
	local dir=$1 sql
	rm -rf "$dir/state" "$dir/LOCK" "$dir/log/LOCK"
	mv "$dir" kept
	fresh() { rm -rf "$dir"; cp -a kept "$dir"; }
	fresh; say "$dir.txt" verify "$dir"
	fresh; say "$dir.txt" status "$dir"
	for sql in "$accounts" "$commands" "$entries"; do
		fresh; say "$dir.txt" shell "$dir" --format csv -c "$sql"
	done
	rm -rf "$dir"
	mv kept "$dir"
}

# checks: what the program says about the exports, receipts and snapshots that are here.
checks() {
	local file
	for file in *.juno; do say exports.txt verify "$file"; done
	for file in *.json; do say receipts.txt verify "$file"; done
	for file in */snapshots/*.manifest loose*/*.manifest; do
		[ ! -e "$file" ] || say snapshots.txt verify "$file"
	done
}

# pack NAME: packs everything that is here.
pack() {
	tar --owner=0 --group=0 --numeric-owner --sort=name --exclude="$1.tar.gz" -cf - -- * |
		gzip -9n > "$1.tar.gz"
}

# The rest is for clusters, whose clients' directory is town.
declare -A process

server() {
	echo "\$ juno server $* &" >> made.txt
	echo >> made.txt
	"$JUNO" server "$@" > "$(basename "$1").log" 2>&1 &
	process[$(basename "$1")]=$!
}

stop() {
	kill -INT "${process[$1]}"
	wait "${process[$1]}"
	printf '# SIGINT to %s: exit code %d\n\n' "$1" $? >> made.txt
	unset "process[$1]"
}

# await PATTERN: until the status of the cluster matches.
await() {
	local i
	for i in $(seq 300); do
		"$JUNO" status --connect town 2> /dev/null | grep -Eq "$1" && return
	done
	echo "waited for $1" >&2
	exit 1
}

trap 'for p in "${process[@]}"; do kill "$p"; done' EXIT
