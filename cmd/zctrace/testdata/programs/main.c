// programs NAME [ARG...] 3<>LEDGER: runs one of them. See programs.h.
#include "programs.h"
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { FREE, CLAIMED, NAMED };

static struct row *rows;

const char *const kinds[KINDS] = {"file", "unix", "pipe"};

long must_(const char *what, long result)
{
	if (result >= 0)
		return result;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

// find is the row of that name, which it makes if there is none. Rows are taken in order, so
// that one that is free is behind all that are named.
static struct row *find(const char *call, const char *kind)
{
	for (struct row *r = rows; r < rows + ROWS; r++) {
		uint64_t state = FREE;
		if (__atomic_compare_exchange_n(&r->state, &state, CLAIMED, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			strcpy(r->call, call);
			strcpy(r->kind, kind);
			__atomic_store_n(&r->state, NAMED, __ATOMIC_RELEASE);
			return r;
		}
		while (state == CLAIMED)
			state = __atomic_load_n(&r->state, __ATOMIC_ACQUIRE);
		if (!strcmp(r->call, call) && !strcmp(r->kind, kind))
			return r;
	}
	abort();
}

long count(const char *call, const char *kind, long result)
{
	struct row *r = find(call, kind);
	if (result < 0) {
		__atomic_fetch_add(&r->failed, 1, __ATOMIC_RELAXED);
		return result;
	}
	__atomic_fetch_add(&r->calls, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&r->bytes, result, __ATOMIC_RELAXED);
	return result;
}

void note(const char *call, const char *kind, uint64_t n)
{
	__atomic_fetch_add(&find(call, kind)->bytes, n, __ATOMIC_RELAXED);
}

void open_devices(int *zero, int *null)
{
	*zero = must(open("/dev/zero", O_RDONLY));
	*null = must(open("/dev/null", O_WRONLY));
}

void move(int zero, int null, size_t n)
{
	char buffer[4096];
	must(count("read", "device", read(zero, buffer, n)));
	must(count("write", "device", write(null, buffer, n)));
}

void reap(int n, int signal)
{
	for (; n > 0; n--) {
		int status;
		must(wait(&status));
		if (status && (!signal || !WIFSIGNALED(status) || WTERMSIG(status) != signal)) {
			fprintf(stderr, "a child ended with status %#x\n", status);
			exit(1);
		}
	}
}

void take(const char *call, const char *kind, int fd, size_t n)
{
	char buffer[4096];
	if (must(count(call, kind, call[0] == 'p' ? pread(fd, buffer, n, 0) : read(fd, buffer, n))) != (long)n) {
		fprintf(stderr, "%s from %s: not all of %zu bytes\n", call, kind, n);
		exit(1);
	}
}

void give(const char *call, const char *kind, int fd, size_t n)
{
	char buffer[4096];
	memset(buffer, 'z', n);
	if (must(count(call, kind, call[0] == 'p' ? pwrite(fd, buffer, n, 0) : write(fd, buffer, n))) != (long)n) {
		fprintf(stderr, "%s to %s: not all of %zu bytes\n", call, kind, n);
		exit(1);
	}
}

void wait_turn(uint32_t *turn, uint32_t n)
{
	for (uint32_t now; (now = __atomic_load_n(turn, __ATOMIC_ACQUIRE)) != n;)
		syscall(SYS_futex, turn, FUTEX_WAIT, now, NULL, NULL, 0);
}

void pass_turn(uint32_t *turn, uint32_t n)
{
	__atomic_store_n(turn, n, __ATOMIC_RELEASE);
	syscall(SYS_futex, turn, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void open_objects(struct object objects[KINDS])
{
	int ends[2];
	int file = must(open(".", O_TMPFILE | O_RDWR, 0600));
	objects[REGULAR] = (struct object){file, file};
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	objects[SOCKET] = (struct object){ends[0], ends[1]};
	must(pipe(ends));
	objects[PIPE] = (struct object){ends[1], ends[0]};
}

void supply(const struct object *o, enum kind kind, size_t n)
{
	give(kind == REGULAR ? "pwrite64" : "write", kinds[kind], o->source, n);
}

void *shared_page(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		must(-1);
	return page;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} programs[] = {
	{"forks", forks}, {"threads", threads}, {"mixed", mixed}, {"execs", execs}, {"vforks", vforks}, {"odd", odd}, {"vforked", vforked}, {"tables", tables},
	{"reopen", reopen}, {"passed", passed}, {"core", core}, {"module", module}, {"compat", compat}, {"measure", measure}, {"each", each}, {"into", into},
};

int main(int argc, char **argv)
{
	rows = mmap(NULL, ROWS * sizeof(struct row), PROT_READ | PROT_WRITE, MAP_SHARED, LEDGER, 0);
	if (rows == MAP_FAILED || argc < 2) {
		fprintf(stderr, "usage: %s NAME [ARG...] 3<>LEDGER, a file of %zu bytes\n", argv[0], ROWS * sizeof(struct row));
		return 2;
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (!strcmp(programs[i].name, argv[1]))
			return programs[i].run(argc - 1, argv + 1);
	fprintf(stderr, "%s: there is no program %s\n", argv[0], argv[1]);
	return 2;
}
