#!/bin/sh
# guest.sh BINARIES OUT TIMEOUT [PACKAGE TESTS]...: runs tests of packages in a guest.
#
# The binaries are copied to memory: from the host's file system their pages come
# when they are first touched, in the middle of what the tests count.
binaries=$1 out=$2 timeout=$3
shift 3
cp "$binaries"/* /tmp
ZCTRACE_TEST_AS_PROGRAM=1 /tmp/zctrace.test doctor >"$out/doctor.log" 2>&1
echo $? >"$out/doctor.exit"
while [ $# -gt 0 ]; do
	name=${1##*/}
	(
		cd "$1" # where its testdata is
		"/tmp/$name.test" -test.v=test2json -test.short -test.run "$2" -test.timeout "$timeout" >"$out/$name.log" 2>&1
		echo $? >"$out/$name.exit"
	)
	shift 2
done
