#!/bin/sh
# guest.sh BINARIES OUT RUN SKIP TIMEOUT PACKAGE...: runs the packages' tests in a guest.
#
# The binaries are copied to memory: from the host's file system their pages come
# when they are first touched, in the middle of what the tests count.
binaries=$1 out=$2 run=$3 skip=$4 timeout=$5
shift 5
cp "$binaries"/* /tmp
ZCTRACE_TEST_AS_PROGRAM=1 /tmp/zctrace.test doctor >"$out/doctor.log" 2>&1
echo $? >"$out/doctor.exit"
for package; do
	name=${package##*/}
	(
		cd "$package" # where its testdata is
		"/tmp/$name.test" -test.v=test2json -test.short -test.run "$run" -test.skip "$skip" -test.timeout "$timeout" >"$out/$name.log" 2>&1
		echo $? >"$out/$name.exit"
	)
done
