// Processes and threads that come and go.
#include "programs.h"
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static int zero, null;

// forks N: so many children, each of which moves some bytes and exits at once.
int forks(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1000;
	open_devices(&zero, &null);
	for (int i = 0; i < n; i++)
		if (!must(fork())) {
			move(zero, null, 1 + i % 4096);
			_exit(0);
		}
	reap(n, 0);
	return 0;
}

// into DIRECTORY N: so many such children, which begin in the cgroup whose directory that is.
int into(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 50;
	struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = must(open(argv[1], O_RDONLY | O_DIRECTORY))};
	open_devices(&zero, &null);
	for (int i = 0; i < n; i++)
		if (!must(syscall(SYS_clone3, &args, sizeof(args)))) {
			move(zero, null, 1 + i);
			_exit(0);
		}
	reap(n, 0);
	return 0;
}

static pthread_barrier_t all_alive;

static void *live(void *bytes)
{
	move(zero, null, (size_t)bytes);
	pthread_barrier_wait(&all_alive);
	move(zero, null, (size_t)bytes);
	return NULL;
}

// threads N ALIVE: N threads, ALIVE of which are alive at once.
int threads(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 10000, alive = argc > 2 ? atoi(argv[2]) : 100;
	pthread_t *ids = calloc(alive, sizeof(*ids));
	pthread_attr_t small;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 32768);
	open_devices(&zero, &null);
	for (int begun = 0; begun < n; begun += alive) {
		pthread_barrier_init(&all_alive, NULL, alive);
		for (int i = 0; i < alive; i++)
			must(-pthread_create(&ids[i], &small, live, (void *)(long)(1 + (begun + i) % 4096)));
		for (int i = 0; i < alive; i++)
			must(-pthread_join(ids[i], NULL));
	}
	return 0;
}

// What a thread did that is killed at any time, the kernel alone knows. After some moves it says so.
struct movers { uint32_t moves, far; };

enum { BESIDE = 3, SOME = 20 };

static void *move_for_ever(void *movers)
{
	struct movers *m = movers;
	char buffer[4096];
	for (unsigned i = 1;; i++) {
		size_t n = 1 + i % sizeof(buffer);
		if (read(zero, buffer, n) < 0 || write(null, buffer, n) < 0)
			abort();
		if (__atomic_add_fetch(&m->moves, 1, __ATOMIC_RELAXED) == SOME)
			pass_turn(&m->far, 1);
		sched_yield(); // whoever is to end it waits for a CPU
	}
}

static void one_of_mixed(int i, struct movers *m)
{
	pthread_t id;
	int child = i % 2 ? must(fork()) : 0;
	if (i % 2 && !child)
		m++; // both processes move
	for (int n = 0; n < BESIDE; n++)
		must(-pthread_create(&id, NULL, move_for_ever, m));
	if ((i % 2 && !child) || i % 4 == 2)
		pause(); // to be killed
	wait_turn(&m->far, 1);
	if (child) {
		wait_turn(&m[1].far, 1);
		must(kill(child, SIGKILL));
		reap(1, SIGKILL);
	}
	_exit(0); // with its threads at work
}

// mixed N: processes that move in several threads, of which some are killed meanwhile, some exit
// meanwhile, and some have a child that they kill.
int mixed(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 220;
	open_devices(&zero, &null);
	for (int i = 0; i < n; i++) {
		struct movers *m = shared_page();
		int child = must(fork());
		if (!child)
			one_of_mixed(i, m);
		if (i % 4 == 2) {
			wait_turn(&m->far, 1);
			must(kill(child, SIGKILL));
		}
		reap(1, i % 4 == 2 ? SIGKILL : 0);
	}
	return 0;
}

static int never[2]; // a pipe that stays empty

static void *wait_for_ever(void *unused)
{
	char byte;
	(void)!read(never[0], &byte, 1);
	return unused;
}

static char *again[] = {"programs", NULL, NULL, NULL};

static void *execute(void *unused)
{
	move(zero, null, 11);
	execv("/proc/self/exe", again);
	must(-1);
	return unused;
}

// execs N: so many times a thread that is not the first one executes this file, while others wait in a read.
int execs(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 50;
	pthread_t id;
	open_devices(&zero, &null);
	move(zero, null, 7);
	if (!n)
		return 0;
	char left[16];
	snprintf(left, sizeof(left), "%d", n - 1);
	again[1] = argv[0], again[2] = left;
	must(pipe2(never, O_CLOEXEC));
	fcntl(zero, F_SETFD, FD_CLOEXEC);
	fcntl(null, F_SETFD, FD_CLOEXEC);
	for (int i = 1; i <= BESIDE; i++) // while one executes no other can be made: EAGAIN of copy_fs in kernel/fork.c
		must(-pthread_create(&id, NULL, i < BESIDE ? wait_for_ever : execute, NULL));
	for (;;)
		pause();
}

// vforked: what a child of vforks executes.
int vforked(int argc, char **argv)
{
	(void)argc, (void)argv;
	open_devices(&zero, &null);
	move(zero, null, 13);
	return 0;
}

// vforks N: children by vfork, of which every other one executes another program.
int vforks(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 200;
	char *args[] = {argv[0], "vforked", NULL};
	open_devices(&zero, &null);
	for (int i = 0; i < n; i++) {
		int child = must(vfork());
		if (!child) {
			move(zero, null, 1 + i);
			if (i % 2)
				execv("/proc/self/exe", args);
			_exit(i % 2);
		}
		move(zero, null, 2 + i);
		reap(1, 0);
	}
	return 0;
}

// A child by vfork whose exec fails, and which goes on.
static void exec_nothing(char **args)
{
	int child = must(vfork());
	if (!child) {
		execv("/of/nobody", args);
		move(zero, null, 17);
		_exit(errno != ENOENT);
	}
	reap(1, 0);
}

// The same by posix_spawn, which says so; and one that executes this file.
static void spawn(char **args)
{
	pid_t child;
	if (posix_spawn(&child, "/of/nobody", NULL, NULL, args, NULL) != ENOENT)
		abort();
	must(-posix_spawn(&child, "/proc/self/exe", NULL, NULL, args, NULL));
	reap(1, 0);
}

static pthread_t first;

static void *outlive(void *unused)
{
	must(-pthread_join(first, NULL));
	move(zero, null, 19);
	syscall(SYS_exit_group, 0);
	return unused;
}

// A child whose first thread ends before another one.
static void end_first(void)
{
	if (!must(fork())) {
		pthread_t id;
		first = pthread_self();
		must(-pthread_create(&id, NULL, outlive, NULL));
		move(zero, null, 23);
		pthread_exit(NULL);
	}
	reap(1, 0);
}

// A child that is stopped by ptrace(2) at each of its calls, unless somebody does that already.
static void trace_child(void)
{
	int status, child = must(fork());
	if (!child) {
		if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			raise(SIGSTOP);
		move(zero, null, 29);
		_exit(0);
	}
	for (must(waitpid(child, &status, 0)); WIFSTOPPED(status); must(waitpid(child, &status, 0)))
		must(ptrace(PTRACE_SYSCALL, child, NULL, NULL));
	if (status)
		abort();
}

// odd N: so many times children that begin, run and end in ways that few do.
int odd(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 50;
	char *args[] = {argv[0], "vforked", NULL};
	open_devices(&zero, &null);
	for (int i = 0; i < n; i++) {
		exec_nothing(args);
		spawn(args);
		end_first();
		trace_child();
	}
	return 0;
}

// each NAME [ARG...] , NAME [ARG...] ...: one after the other.
int each(int argc, char **argv)
{
	for (int begin = 1, end; begin < argc; begin = end + 1) {
		for (end = begin; end < argc && strcmp(argv[end], ","); end++)
			;
		argv[end] = NULL;
		argv[begin - 1] = "programs";
		if (!must(fork()))
			must(execv("/proc/self/exe", argv + begin - 1));
		reap(1, 0);
	}
	return 0;
}
