// One number of a descriptor, behind which another file is each time.
#include "programs.h"
#include <errno.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct object objects[KINDS];
static int number; // the one that is closed and opened again

// install closes the number and opens it again, as the object of that kind; none below is free.
static void install(enum kind kind)
{
	close(number);
	if (must(dup(objects[kind].sink)) != number)
		abort();
}

// take_from reads what is behind the number, of that kind.
static void take_from(enum kind kind, size_t n)
{
	take(kind == REGULAR ? "pread64" : "read", kinds[kind], number, n);
}

static size_t bytes_of(uint32_t turn) { return 1 + turn % 1000; }

struct reader { uint32_t *turn; uint32_t turns; };

// Whoever reads has the odd turns.
static void *read_in_turn(void *reader)
{
	struct reader *r = reader;
	for (uint32_t i = 0; i < r->turns; i++) {
		wait_turn(r->turn, 2 * i + 1);
		take_from(i % KINDS, bytes_of(i));
		pass_turn(r->turn, 2 * i + 2);
	}
	return NULL;
}

static void install_in_turn(uint32_t *turn, uint32_t turns)
{
	for (uint32_t i = 0; i < turns; i++) {
		wait_turn(turn, 2 * i);
		install(i % KINDS);
		supply(&objects[i % KINDS], i % KINDS, bytes_of(i));
		pass_turn(turn, 2 * i + 1);
	}
	wait_turn(turn, 2 * turns);
}

enum { WRITERS = 3 };

// How far those are that use the number unordered: how many have, whether it was reopened since, without a call of theirs
// between, and whether it is over.
struct unordered { uint32_t begun; bool reopened, over; };

static void *write_unordered(void *argument)
{
	struct unordered *u = argument;
	char buffer[64] = "";
	count("write", "any", write(number, buffer, 1));
	__atomic_add_fetch(&u->begun, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&u->reopened, __ATOMIC_ACQUIRE))
		;
	for (unsigned i = 0; !i || !__atomic_load_n(&u->over, __ATOMIC_RELAXED); i++)
		count("write", "any", write(number, buffer, 1 + i % sizeof(buffer)));
	return NULL;
}

// drain empties what can be full, and never waits.
static void drain(enum kind kind)
{
	char buffer[65536];
	if (kind != REGULAR)
		while (count("read", kinds[kind], read(objects[kind].sink, buffer, sizeof(buffer))) == sizeof(buffer))
			;
}

static void reopen_unordered(uint32_t turns)
{
	struct unordered u = {0};
	pthread_t ids[WRITERS];
	for (int kind = 0; kind < KINDS; kind++) {
		fcntl(objects[kind].source, F_SETFL, O_NONBLOCK);
		fcntl(objects[kind].sink, F_SETFL, O_NONBLOCK);
	}
	for (int i = 0; i < WRITERS; i++)
		must(-pthread_create(&ids[i], NULL, write_unordered, &u));
	while (__atomic_load_n(&u.begun, __ATOMIC_ACQUIRE) < WRITERS)
		sched_yield();
	for (uint32_t i = 0; i < turns; i++) {
		enum kind kind = i % KINDS;
		close(number);
		if (must(dup(objects[kind].source)) != number)
			abort();
		__atomic_store_n(&u.reopened, true, __ATOMIC_RELEASE);
		drain(kind);
	}
	__atomic_store_n(&u.over, true, __ATOMIC_RELAXED);
	for (int i = 0; i < WRITERS; i++)
		must(-pthread_join(ids[i], NULL));
}

static void *install_in_a_thread(void *reader)
{
	struct reader *r = reader;
	install_in_turn(r->turn, r->turns);
	return NULL;
}

static pthread_t before;
static uint32_t *all_begun;

static void *end_then(void *unused)
{
	wait_turn(all_begun, 1);
	return unused;
}

// The reader is made by one thread, once another one has ended that began before that.
static void *have_read(void *reader)
{
	pthread_t id;
	wait_turn(all_begun, 1);
	must(-pthread_join(before, NULL));
	must(-pthread_create(&id, NULL, read_in_turn, reader));
	must(-pthread_join(id, NULL));
	return NULL;
}

// reopen TURNS ordered|swapped|handed|unordered: threads that use a number while another opens it as a file, a
// socket and a pipe in turn; in order, by the first thread or by another one, or at full speed.
int reopen(int argc, char **argv)
{
	uint32_t turns = argc > 1 ? atoi(argv[1]) : 100000;
	open_objects(objects);
	number = must(dup(0));
	if (argc > 2 && !strcmp(argv[2], "unordered")) {
		reopen_unordered(turns);
		return 0;
	}
	struct reader r = {shared_page(), turns};
	pthread_t id;
	if (argc > 2 && !strcmp(argv[2], "swapped")) {
		must(-pthread_create(&id, NULL, install_in_a_thread, &r));
		read_in_turn(&r);
	} else if (argc > 2 && !strcmp(argv[2], "handed")) {
		all_begun = shared_page();
		must(-pthread_create(&before, NULL, end_then, NULL));
		must(-pthread_create(&id, NULL, have_read, &r));
		pass_turn(all_begun, 1);
		install_in_turn(r.turn, turns);
	} else {
		must(-pthread_create(&id, NULL, read_in_turn, &r));
		install_in_turn(r.turn, turns);
	}
	must(-pthread_join(id, NULL));
	return 0;
}

// Two processes with one table: after so many turns the child has one of its own, in which it
// opens the number as something else, and the parent's is as it was.
struct sharing { struct reader reader; bool by_close_range; };

static int in_one_table(void *argument)
{
	struct sharing *s = argument;
	install_in_turn(s->reader.turn, s->reader.turns);
	if (s->by_close_range)
		must(syscall(SYS_close_range, 1000, 1001, CLOSE_RANGE_UNSHARE));
	else
		must(unshare(CLONE_FILES));
	install(PIPE); // in its own table
	supply(&objects[PIPE], PIPE, 77);
	take_from(PIPE, 77);
	supply(&objects[SOCKET], SOCKET, 99); // for the parent
	return 0;
}

// tables TURNS: see above; once with unshare, once with close_range.
int tables(int argc, char **argv)
{
	uint32_t turns = argc > 1 ? atoi(argv[1]) : 1000;
	open_objects(objects);
	number = must(dup(0));
	for (int i = 0; i < 2; i++) {
		char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct sharing s = {{shared_page(), turns / KINDS * KINDS + SOCKET + 1}, i}; // the last is a socket
		must(clone(in_one_table, stack + 65536, CLONE_FILES | SIGCHLD, &s));
		read_in_turn(&s.reader);
		take_from(SOCKET, 99);
		reap(1, 0);
	}
	return 0;
}

// pass sends a descriptor to oneself, and receives it as the number.
static int pass(int ends[2], int fd)
{
	char byte = 'z', control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	must(count("sendmsg", "unix", sendmsg(ends[0], &message, 0)));
	must(count("recvmsg", "unix", recvmsg(ends[1], &message, 0)));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

// passed TURNS: one number that is installed in all ways that are no opening: SCM_RIGHTS, pidfd_getfd,
// dup2 and dup3 over an open one, fcntl.
int passed(int argc, char **argv)
{
	int turns = argc > 1 ? atoi(argv[1]) : 1000, ends[2], got;
	open_objects(objects);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	int child = must(fork()); // which has the same descriptors
	if (!child)
		for (;;)
			pause();
	int pidfd = must(syscall(SYS_pidfd_open, child, 0));
	number = must(dup(0));
	for (int i = 0; i < turns; i++) {
		int fd = objects[i % KINDS].sink, how = i / KINDS % 5;
		if (how != 2 && how != 3)
			close(number);
		switch (how) {
		case 0: got = pass(ends, fd); break;
		case 1: got = must(syscall(SYS_pidfd_getfd, pidfd, fd, 0)); break;
		case 2: got = must(dup2(fd, number)); break;
		case 3: got = must(dup3(fd, number, O_CLOEXEC)); break;
		default: got = must(fcntl(fd, F_DUPFD, 0));
		}
		if (got != number)
			abort();
		supply(&objects[i % KINDS], i % KINDS, bytes_of(i));
		take_from(i % KINDS, bytes_of(i));
	}
	must(kill(child, SIGKILL));
	reap(1, SIGKILL);
	return 0;
}
