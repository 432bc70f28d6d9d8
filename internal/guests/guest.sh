#!/bin/sh
# guest.sh BINARIES OUT TIMEOUT PART [PACKAGE TESTS]...: runs tests of packages in a guest, and
# in a kernel's first one finds out what each engine sees.
#
# The binaries are copied to memory: from the host's file system their pages come
# when they are first touched, in the middle of what the tests count.
binaries=$1 out=$2 timeout=$3
[ -z "$4" ] || export ZCTRACE_TEST_PART="$4"
shift 4
cp "$binaries"/* /tmp
zctrace() { ZCTRACE_TEST_AS_PROGRAM=1 /tmp/zctrace.test "$@" >>"$out/found.log" 2>&1; }
if [ "${out##*/}" = 1 ]; then
	cat /sys/kernel/debug/sched/preempt >"$out/preemption" 2>/dev/null ||
		uname -v | grep -o 'PREEMPT[A-Z_]*' >"$out/preemption" || echo 'none or voluntary' >"$out/preemption"
	zctrace doctor
	echo $? >"$out/doctor.exit"
	for engine in $ZCTRACE_TEST_ENGINES; do
		zctrace run mmap-write --source auto:1MiB --bytes 1MiB --cache cold --sink tcp --copies "$engine" --json "$out/$engine.json"
	done
fi
while [ $# -gt 0 ]; do
	name=${1##*/}
	(
		cd "$1" # where its testdata is
		"/tmp/$name.test" -test.v=test2json -test.short -test.run "$2" -test.timeout "$timeout" >"$out/$name.log" 2>&1
		echo $? >"$out/$name.exit"
	)
	shift 2
done
