# everyday.sh: programs that every system has, each under a name of its own, so that a trace has a row for each. They
# write as much each time. From the environment: NAMES, a directory with a link to each program by that name; PLACE,
# and OVERLAY on an overlay on the same file system, directories with data; XFS, another one, if there is one; PYTHON,
# if there is one; CLIENT, which fetches into a file; PORT, which is free.
set -e

# as NAME PROGRAM [ARG...]
as() {
	(link=$NAMES/$1 name=$2; shift 2; exec -a "$name" "$link" "$@")
}

# serve NAME PROGRAM [ARG...]: one that says a line when it listens, and is asked for data once.
serve() {
	(link=$NAMES/serve.$1 name=$2; shift 2; exec -a "$name" "$link" "$@") >ready &
	read -r _ <ready
	as "get.$1" $CLIENT "$1.copy" "http://127.0.0.1:$PORT/data"
	kill $!
	wait $! || :
}

cd "$OVERLAY"
as over.dd dd if=data of=dd.copy bs=64k status=none
as over.cp cp dd.copy cp.copy
as over.cat cat cp.copy >cat.copy
as over.from cat cat.copy | as over.to cat >to.copy
cd "$PLACE"
as file.dd dd if=data of=dd.copy bs=64k status=none
as file.cp cp dd.copy cp.copy
as file.cat cat cp.copy >cat.copy
as file.from cat cat.copy | as file.to cat >to.copy
as tar tar cf - data | as gzip gzip -1 >tar.gz
mkfifo ready
serve file fileserver "127.0.0.1:$PORT" .
serve wrapped fileserver "127.0.0.1:$PORT" . wrapped
[ -z "$PYTHON" ] || serve python /usr/bin/python3 -u -B -m http.server --bind 127.0.0.1 "$PORT"
[ -n "$XFS" ] || exit 0
as direct dd if=data of=direct.copy bs=64k status=none iflag=direct oflag=direct
cd "$XFS"
as xfs.cat cat data >cat.copy
as xfs.cp cp data cp.copy
