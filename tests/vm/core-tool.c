/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For guest tests alone: calls the core's functions, one a run. Prints what came out; an error as
 * "EBUSY: text" on stderr, with exit status 1.
 *
 * PEAK=1 tells the most memory that the call took. OLD_KERNEL=1 runs it as if on a Linux before 5.2,
 * which lacks the mount calls that the bind uses.
 */

#include "cleanup.h"
#include "crypt.h"
#include "filesystem.h"
#include "key.h"
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/* A device's number: of a node, or as MAJOR:MINOR when there is no node (any more). */
static dev_t devno_of(const char *what)
{
	unsigned major_number, minor_number;
	struct stat st;

	if (sscanf(what, "%u:%u", &major_number, &minor_number) == 2)
		return makedev(major_number, minor_number);
	if (stat(what, &st) < 0 || !S_ISBLK(st.st_mode)) {
		(void)fprintf(stderr, "core-tool: %s is no block device\n", what);
		exit(2);
	}
	return st.st_rdev;
}

static int read_key(const char *path, struct sd_key *ret, struct sd_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char buf[SD_KEY_MAX_SIZE];
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	return n < 0 ? sd_error_errno(err, errno, "%s", path)
	             : sd_key_copy(buf, (size_t)n, ret, err);
}

static int run_options(char **a, struct sd_error *err)
{
	return sd_mounts_check_options(a[0], a[1], err);
}

/* NODE TYPE OPTIONS DIR yes|no (the parent is made unbindable) */
static int run_stage(char **a, struct sd_error *err)
{
	bool was = false;
	int r = sd_mounts_stage(
	        a[0], devno_of(a[0]), a[1], a[2], a[3], strcmp(a[4], "yes") == 0, &was, err);

	if (r == 0)
		puts(was ? "was staged" : "staged");
	return r;
}

/* STAGE DEVICE TARGET ro|rw */
static int run_bind(char **a, struct sd_error *err)
{
	bool was = false;
	int r = sd_mounts_bind_data(a[0], devno_of(a[1]), a[2], strcmp(a[3], "ro") == 0, &was, err);

	if (r == 0)
		puts(was ? "was bound" : "bound");
	return r;
}

static int run_verify(char **a, struct sd_error *err)
{
	return sd_mounts_verify(a[0], devno_of(a[1]), strcmp(a[2], "ro") == 0, err);
}

static int run_unmount(char **a, struct sd_error *err)
{
	return sd_mounts_unmount(a[0], err);
}

static void print_mount(const struct sd_mount *mount)
{
	printf("%s %u:%u %s %s%s\n", mount->target, major(mount->devno), minor(mount->devno),
	        mount->root, mount->read_only ? "ro" : "rw",
	        mount->unbindable ? " unbindable" : "");
}

static int run_at(char **a, struct sd_error *err)
{
	struct sd_mount mount;
	int r = sd_mounts_at(a[0], &mount, err);

	if (r == 0)
		puts("nothing");
	if (r > 0) {
		print_mount(&mount);
		sd_mount_clear(&mount);
	}
	return r < 0 ? r : 0;
}

static int run_list(char **a, struct sd_error *err)
{
	_cleanup_mount_list_ struct sd_mount_list list = { 0 };
	int r = sd_mounts_of_device(devno_of(a[0]), &list, err);

	for (size_t i = 0; i < list.n; i++)
		print_mount(&list.mount[i]);
	return r;
}

static int run_gone(char **a, struct sd_error *err)
{
	(void)err;
	puts(sd_mounts_device_is_gone(devno_of(a[0])) ? "gone" : "there");
	return 0;
}

/* DEVICE TYPE ID */
static int run_mkfs(char **a, struct sd_error *err)
{
	return sd_filesystem_make(a[0], a[1], a[2], -1, err);
}

/* DEVICE ID TYPE */
static int run_fscheck(char **a, struct sd_error *err)
{
	char type[16];
	int r = sd_filesystem_check(a[0], a[1], a[2], type, err);

	if (r == 0)
		puts(type);
	return r;
}

/* DIR TYPE DEVICE */
static int run_grow(char **a, struct sd_error *err)
{
	return sd_filesystem_grow(a[0], a[1], a[2], err);
}

static int run_failfast(char **a, struct sd_error *err)
{
	return sd_filesystem_fail_fast(a[0], devno_of(a[1]), err);
}

static int run_shutdown(char **a, struct sd_error *err)
{
	return sd_filesystem_shutdown(a[0], a[1], err);
}

/* DEVICE ID KEYFILE pbkdf2|argon2id */
static int run_format(char **a, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	int r = read_key(a[2], &key, err);

	return r < 0
	        ? r
	        : sd_crypt_format(a[0], a[1], &key,
	                  strcmp(a[3], "argon2id") == 0 ? SD_KDF_ARGON2ID : SD_KDF_PBKDF2, err);
}

/* DEVICE ID KEYFILE ssd|hdd */
static int run_open(char **a, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	struct sd_mapping mapping;
	bool was = false;
	int r = read_key(a[2], &key, err);

	if (r == 0)
		r = sd_crypt_open(a[0], devno_of(a[0]), a[1], &key, strcmp(a[3], "hdd") == 0,
		        &mapping, &was, err);
	if (r == 0)
		printf("%s %s\n", was ? "was open" : "opened", mapping.node);
	return r;
}

/* ID DEVICE|any */
static int run_find(char **a, struct sd_error *err)
{
	struct sd_mapping mapping;
	int r = sd_crypt_find(a[0], strcmp(a[1], "any") == 0 ? 0 : devno_of(a[1]), &mapping, err);

	if (r == 0)
		puts("not open");
	if (r > 0)
		printf("%s %s %u:%u\n", mapping.name, mapping.node, major(mapping.devno),
		        minor(mapping.devno));
	return r < 0 ? r : 0;
}

/* DEVICE ID KEYFILE */
static int run_checkkey(char **a, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	int r = read_key(a[2], &key, err);

	return r < 0 ? r : sd_crypt_check_key(a[0], a[1], &key, err);
}

/* DEVICE ID alone|part: prints what a token of it yields. */
static int run_tokenkey(char **a, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	int r = sd_crypt_token_key(a[0], a[1], strcmp(a[2], "alone") == 0, &key, err);

	if (r == 0)
		(void)fwrite(key.data, 1, key.size, stdout);
	return r;
}

static int run_close(char **a, struct sd_error *err)
{
	return sd_crypt_close(a[0], err);
}

/* DEVICE ID KEYFILE|none */
static int run_cryptgrow(char **a, struct sd_error *err)
{
	_cleanup_key_ struct sd_key key = SD_KEY_INIT;
	bool with_key = strcmp(a[2], "none") != 0;
	int r = with_key ? read_key(a[2], &key, err) : 0;

	return r < 0 ? r : sd_crypt_grow(a[0], a[1], with_key ? &key : NULL, err);
}

static int run_erase(char **a, struct sd_error *err)
{
	uint64_t bytes = 0;
	int r = sd_crypt_erase(a[0], &bytes, err);

	if (r == 0)
		printf("%llu\n", (unsigned long long)bytes);
	return r;
}

static const struct {
	const char *name;
	int n;
	int (*run)(char **arguments, struct sd_error *err);
} commands[] = {
	{ "options", 2, run_options },
	{ "stage", 5, run_stage },
	{ "bind", 4, run_bind },
	{ "verify", 3, run_verify },
	{ "unmount", 1, run_unmount },
	{ "at", 1, run_at },
	{ "list", 1, run_list },
	{ "gone", 1, run_gone },
	{ "mkfs", 3, run_mkfs },
	{ "fscheck", 3, run_fscheck },
	{ "grow", 3, run_grow },
	{ "failfast", 2, run_failfast },
	{ "shutdown", 2, run_shutdown },
	{ "format", 4, run_format },
	{ "open", 4, run_open },
	{ "find", 2, run_find },
	{ "checkkey", 3, run_checkkey },
	{ "tokenkey", 3, run_tokenkey },
	{ "close", 1, run_close },
	{ "cryptgrow", 3, run_cryptgrow },
	{ "erase", 1, run_erase },
};

/* From now on open_tree, move_mount, mount_setattr and openat2 are not there. */
static void become_old_kernel(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open_tree, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount_setattr, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	struct sock_fprog program = { .len = SD_ARRAY_SIZE(filter), .filter = filter };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("core-tool: seccomp");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct sd_error err = SD_ERROR_INIT;
	struct rusage usage;
	int r;

	for (size_t i = 0; argc > 1 && i < SD_ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0 || argc - 2 != commands[i].n)
			continue;
		if (getenv("OLD_KERNEL"))
			become_old_kernel();
		r = commands[i].run(argv + 2, &err);
		if (getenv("PEAK") && getrusage(RUSAGE_SELF, &usage) == 0)
			printf("peak %ld KiB\n", usage.ru_maxrss);
		if (r == 0)
			return 0;
		(void)fprintf(stderr, "%s: %s\n", strerrorname_np(-r), err.text);
		return r == -err.code && err.text[0] ? 1
		                                     : 3; /* 3: a function without an error text */
	}
	(void)fprintf(stderr, "core-tool: which command, with which arguments?\n");
	return 2;
}
