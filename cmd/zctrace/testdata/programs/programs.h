// Programs that tests follow, and that keep account of what they did.
#ifndef PROGRAMS_H
#define PROGRAMS_H
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// A row is the account of one call with one kind of file. The rows lie in the file that
// descriptor 3 is, mapped: so that keeping account is no system call, and what a process did
// before it was killed, or before it executed another file, stays there.
struct row {
	uint64_t state; // FREE, CLAIMED, NAMED
	char call[24], kind[24];
	uint64_t calls, bytes, failed; // calls that succeeded, what they returned, calls that did not
};

enum { LEDGER = 3, ROWS = 64 };

// count adds one call with its result, and returns that.
long count(const char *call, const char *kind, long result);

// note adds a number that is no call's.
void note(const char *call, const char *kind, uint64_t n);

// move reads n bytes, 4,096 at most, from zero and writes them to null.
void move(int zero, int null, size_t n);

// open_devices opens both.
void open_devices(int *zero, int *null);

// must ends the program if the result is negative, and returns it.
#define must(call) must_(#call, (call))
long must_(const char *what, long result);

// reap waits for n children, and wants them to have exited with 0 or to have been killed by this signal.
void reap(int n, int signal);

// take reads n bytes, 4,096 at most, give writes them: all of them, and those whose names begin with p at offset 0.
void take(const char *call, const char *kind, int fd, size_t n);
void give(const char *call, const char *kind, int fd, size_t n);

// Those that take turns: wait_turn waits for the n-th, pass_turn begins it.
void wait_turn(uint32_t *turn, uint32_t n);
void pass_turn(uint32_t *turn, uint32_t n);

// Kinds of files by which a descriptor is opened again and again.
enum kind { REGULAR, SOCKET, PIPE, KINDS };
extern const char *const kinds[KINDS];

// An object is both ends of one: what is written to source can be read from sink.
struct object { int source, sink; };

// open_objects opens one of each kind. The regular file has no name.
void open_objects(struct object objects[KINDS]);

// supply writes n bytes for a reader of the sink.
void supply(const struct object *o, enum kind kind, size_t n);

void *shared_page(void);

int forks(int argc, char **argv), threads(int argc, char **argv), mixed(int argc, char **argv), execs(int argc, char **argv),
	vforks(int argc, char **argv), odd(int argc, char **argv), vforked(int argc, char **argv), tables(int argc, char **argv), reopen(int argc, char **argv),
	passed(int argc, char **argv), core(int argc, char **argv), module(int argc, char **argv), compat(int argc, char **argv),
	measure(int argc, char **argv), each(int argc, char **argv), into(int argc, char **argv);
#endif
