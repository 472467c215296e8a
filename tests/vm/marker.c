/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For guest tests alone: a key that the shell never holds, so that whatever is found of it in the
 * guest's memory later was left by the program that got it. It is made from a seed, anew each time.
 *
 *	marker SEED patterns           hexadecimal digits of pieces of it, as they are and in base64
 *	marker SEED write FILE         the key into a file
 *	marker SEED run PROGRAM ARG... with @BASE64@ replaced in the arguments
 *	marker SEED pipe PROGRAM ARG...  with the key on its standard input
 */

#include "cleanup.h"

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#define KEY_SIZE 64
#define PLACE "@BASE64@"

static unsigned char key[KEY_SIZE];
static char base64[(KEY_SIZE + 2) / 3 * 4 + 1];

/* splitmix64 (Steele, Lea, Flood): any bytes will do that occur nowhere else. */
static void make_key(uint64_t seed)
{
	for (size_t i = 0; i < KEY_SIZE; i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		key[i] = (unsigned char)(z ^ (z >> 31));
	}
}

static void encode(void)
{
	static const char digits[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = base64;

	for (size_t i = 0; i < KEY_SIZE; i += 3) {
		size_t n = KEY_SIZE - i < 3 ? KEY_SIZE - i : 3;
		unsigned bits = (unsigned)key[i] << 16;

		if (n > 1)
			bits |= (unsigned)key[i + 1] << 8;
		if (n > 2)
			bits |= key[i + 2];
		*out++ = digits[bits >> 18];
		*out++ = digits[bits >> 12 & 63];
		*out++ = n > 1 ? digits[bits >> 6 & 63] : '=';
		*out++ = n > 2 ? digits[bits & 63] : '=';
	}
}

static void print_hex(const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	putchar(' ');
}

/* The middle too: the beginning of something freed is often overwritten. */
static void print_patterns(void)
{
	print_hex(key, 16);
	print_hex(key + KEY_SIZE - 16, 16);
	print_hex(base64, 20);
	print_hex(base64 + sizeof(base64) - 25, 20);
}

static void write_all(int fd)
{
	if (write(fd, key, sizeof(key)) != (ssize_t)sizeof(key))
		err(1, "write");
}

static char *filled(const char *argument)
{
	const char *place = strstr(argument, PLACE);
	char *text = NULL;

	if (!place)
		return strdup(argument);
	if (asprintf(&text, "%.*s%s%s", (int)(place - argument), argument, base64,
	            place + strlen(PLACE)) < 0)
		err(1, "asprintf");
	return text;
}

static void run(char **argv)
{
	char **a = argv;

	do {
		*a = filled(*a);
	} while (*++a);
	execvp(argv[0], argv);
	err(127, "%s", argv[0]);
}

static void run_with_pipe(char **argv)
{
	int ends[2];

	if (pipe(ends) < 0)
		err(1, "pipe");
	write_all(ends[1]); /* it fits in a pipe */
	(void)close(ends[1]);
	if (dup2(ends[0], STDIN_FILENO) < 0)
		err(1, "dup2");
	execvp(argv[0], argv);
	err(127, "%s", argv[0]);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		errx(2, "usage: marker SEED patterns|write|run|pipe ...");
	make_key(strtoull(argv[1], NULL, 10));
	encode();
	if (strcmp(argv[2], "patterns") == 0) {
		print_patterns();
	} else if (strcmp(argv[2], "write") == 0 && argc == 4) {
		fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0400);
		if (fd < 0)
			err(1, "%s", argv[3]);
		write_all(fd);
		if (fsync(fd) < 0 || close(fd) < 0)
			err(1, "%s", argv[3]);
	} else if (strcmp(argv[2], "run") == 0 && argc > 3) {
		run(argv + 3);
	} else if (strcmp(argv[2], "pipe") == 0 && argc > 3) {
		run_with_pipe(argv + 3);
	} else {
		errx(2, "no such request: %s", argv[2]);
	}
	return 0;
}
