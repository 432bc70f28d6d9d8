// What the kernel reads and writes for a program, and what it alone can say of one.
#include "programs.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

// core: a child dumps core.
int core(int argc, char **argv)
{
	(void)argc, (void)argv;
	int zero, null, status;
	open_devices(&zero, &null);
	if (!must(fork())) {
		struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
		must(setrlimit(RLIMIT_CORE, &all));
		memset(malloc(100000), 'z', 100000);
		move(zero, null, 17);
		abort();
	}
	must(wait(&status));
	if (!WIFSIGNALED(status) || !WCOREDUMP(status)) {
		fprintf(stderr, "the child has dumped no core: status %#x\n", status);
		return 1;
	}
	return 0;
}

// module FILE: has the kernel read a file to load it as a module, whether or not it is one.
int module(int argc, char **argv)
{
	struct stat file;
	int fd = must(open(argc > 1 ? argv[1] : argv[0], O_RDONLY));
	must(fstat(fd, &file));
	syscall(SYS_finit_module, fd, "", 0);
	note("kernel", "read", file.st_size);
	return 0;
}

#ifdef __x86_64__
static inline __attribute__((always_inline)) long by_int80(long number, long a, long b, long c)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static const int makes_child[] = {2, 120, 190}; // fork, clone, vfork: they return in the child, too

// by_x32 makes a call by its number for x32, which few kernels have: the others know no such call.
static long by_x32(long number, long a, long b, long c) { return syscall(0x40000000 | number, a, b, c); }

// compat N int80|x32: calls as a 32-bit program makes them, or one for x32, whose numbers are other ones.
int compat(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 100, zero, null;
	int x32 = argc > 2 && !strcmp(argv[2], "x32");
	char *buffer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	open_devices(&zero, &null);
	for (int i = 0; i < n; i++) {
		long read = x32 ? by_x32(SYS_read, zero, (long)buffer, 1 + i) : by_int80(3, zero, (long)buffer, 1 + i);
		long written = x32 ? by_x32(SYS_write, null, (long)buffer, 1 + i) : by_int80(4, null, (long)buffer, 1 + i);
		count("read", "compat", read);
		count("write", "compat", written);
		move(zero, null, 2 + i);
		if (x32)
			continue;
		if (read != 1 + i || written != 1 + i)
			abort();
		if (!must(by_int80(makes_child[i % 3], SIGCHLD, 0, 0))) // the argument is clone's
			_exit(0);
		reap(1, 0);
	}
	return 0;
}
#else
int compat(int argc, char **argv)
{
	(void)argc;
	fprintf(stderr, "%s: this machine has no int 0x80\n", argv[0]);
	return 2;
}
#endif

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

// measure COMMAND...: runs it, and notes how long that takes and what the kernel's own accounts say of it and of all that it
// has waited for: /proc/PID/io, read before it is reaped, and what wait4 returns. Its exit status is the command's.
int measure(int argc, char **argv)
{
	char path[32], text[512] = "", key[32];
	siginfo_t info;
	struct rusage usage;
	unsigned long value;
	uint64_t begin = now_ns();
	int status, used, child = must(fork());
	if (!child) {
		execvp(argv[argc > 1], argv + 1);
		must(-1);
	}
	must(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	note("time", "ns", now_ns() - begin);
	snprintf(path, sizeof(path), "/proc/%d/io", child);
	must(count("read", "proc", read(must(open(path, O_RDONLY)), text, sizeof(text) - 1)));
	must(wait4(child, &status, 0, &usage));
	for (char *at = text; sscanf(at, "%31[a-z_]: %lu\n%n", key, &value, &used) == 2; at += used)
		note("io", key, value);
	note("rusage", "nvcsw", usage.ru_nvcsw);
	note("rusage", "nivcsw", usage.ru_nivcsw);
	note("rusage", "minflt", usage.ru_minflt);
	note("rusage", "majflt", usage.ru_majflt);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
