/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "crypt.h"
#include "tree.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#define ID "0a1b2c3d-1111-4222-8333-444444444444"
#define OTHER "0a1b2c3d-1111-4222-8333-555555555555"
#define NAME "solodisk-0a1b2c3d111142228333444444444444"
#define DM_UUID "CRYPT-LUKS2-0a1b2c3d111142228333444444444444-" NAME
#define MIB (1u << 20)

static char device[PATH_MAX];

static void make_image(unsigned mib)
{
	int fd;

	(void)snprintf(device, sizeof(device), "%s", tree_path("/image"));
	fd = open(device, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)mib * MIB), 0);
	assert_int_equal(close(fd), 0);
}

static void read_image(off_t offset, unsigned char *buf, size_t size)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, buf, size, offset), size);
	assert_int_equal(close(fd), 0);
}

static void write_image(off_t offset, const void *buf, size_t size)
{
	int fd = open(device, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, buf, size, offset), size);
	assert_int_equal(close(fd), 0);
}

static struct sd_key make_key(const char *text)
{
	struct sd_key key;

	assert_int_equal(sd_key_copy(text, strlen(text), &key, NULL), 0);
	return key;
}

/* Header and keyslots are written by libcryptsetup without the kernel; opening needs a guest. */
static void test_format(void **state)
{
	_cleanup_key_ struct sd_key key = make_key("0123456789abcdef0123456789abcdef");
	_cleanup_key_ struct sd_key wrong = make_key("0123456789abcdef0123456789abcdeX");
	struct sd_error err = SD_ERROR_INIT;
	unsigned char head[16384 + 4096];

	(void)state;
	make_image(24);
	assert_int_equal(sd_crypt_format(device, ID, &key, SD_KDF_PBKDF2, &err), 0);
	read_image(0, head, sizeof(head));
	assert_memory_equal(head, "LUKS\xba\xbe\0\2", 8);
	assert_string_equal((char *)head + 24, "solodisk");  /* label */
	assert_string_equal((char *)head + 168, ID);         /* UUID */
	assert_string_equal((char *)head + 208, "solodisk"); /* subsystem */
	assert_non_null(strstr((char *)head + 4096, "\"type\":\"pbkdf2\""));
	assert_non_null(strstr((char *)head + 4096, "\"iterations\":1000"));
	assert_non_null(strstr((char *)head + 4096, "\"offset\":\"16777216\""));
	assert_non_null(strstr((char *)head + 4096, "aes-xts-plain64"));
	assert_int_equal(sd_crypt_check_key(device, ID, &key, &err), 0);
	assert_int_equal(sd_crypt_check_key(device, ID, &wrong, &err), -EPERM);
	assert_null(strstr(err.text, "0123456789"));
	assert_int_equal(sd_crypt_check_key(device, OTHER, &key, &err), -EINVAL);
	assert_non_null(strstr(err.text, OTHER));
}

static void test_key_length(void **state)
{
	_cleanup_key_ struct sd_key key = make_key("only 31 bytes, which is too few");
	struct sd_error err = SD_ERROR_INIT;
	unsigned char byte;

	(void)state;
	make_image(24);
	write_image(0, "p", 1);
	assert_int_equal(key.size, 31);
	assert_int_equal(sd_crypt_format(device, ID, &key, SD_KDF_PBKDF2, &err), -EINVAL);
	assert_non_null(strstr(err.text, "argon2id"));
	assert_int_equal(sd_crypt_format(device, "bad", &key, SD_KDF_ARGON2ID, &err), -EINVAL);
	read_image(0, &byte, 1);
	assert_int_equal(byte, 'p');
}

static void test_argon2id(void **state)
{
	_cleanup_key_ struct sd_key key = make_key("a passphrase");
	struct sd_error err = SD_ERROR_INIT;
	unsigned char head[16384];
	const char *json = (const char *)head + 4096;
	unsigned cpus = 0;

	(void)state;
	make_image(24);
	assert_int_equal(sd_crypt_format(device, ID, &key, SD_KDF_ARGON2ID, &err), 0);
	read_image(0, head, sizeof(head));
	json = strstr(json, "\"type\":\"argon2id\"");
	assert_non_null(json);
	assert_non_null(strstr(json, "\"memory\":65536"));
	assert_non_null(strstr(json, "\"time\":4"));
	json = strstr(json, "\"cpus\":");
	assert_non_null(json);
	assert_int_equal(sscanf(json, "\"cpus\":%u", &cpus), 1);
	assert_in_range(cpus, 1, 4);
}

/* Nothing is loaded (loading may repair a header) before the content is proven the volume's. */
static void test_not_ours(void **state)
{
	_cleanup_key_ struct sd_key key = make_key("0123456789abcdef0123456789abcdef");
	unsigned char before[32768], after[32768];
	struct sd_error err = SD_ERROR_INIT;
	struct sd_mapping mapping;
	bool was_open;

	(void)state;
	(void)tree_parents("/sys/block/");
	make_image(24);
	assert_int_equal(sd_crypt_check_key(device, ID, &key, &err), -EINVAL);
	assert_int_equal(sd_crypt_format(device, OTHER, &key, SD_KDF_PBKDF2, &err), 0);
	write_image(20000, "broken", 6); /* in the second header: crypt_load would mend it */
	read_image(0, before, sizeof(before));
	assert_int_equal(
	        sd_crypt_open(device, makedev(8, 1), ID, &key, false, &mapping, &was_open, &err),
	        -EINVAL);
	assert_non_null(strstr(err.text, OTHER));
	read_image(0, after, sizeof(after));
	assert_memory_equal(before, after, sizeof(before));
}

static void test_erase(void **state)
{
	static unsigned char area[16 * MIB + 4096];
	_cleanup_key_ struct sd_key key = make_key("0123456789abcdef0123456789abcdef");
	struct sd_error err = SD_ERROR_INIT;
	uint64_t bytes = 0;
	unsigned zero_pages = 0;

	(void)state;
	make_image(17);
	assert_int_equal(sd_crypt_format(device, ID, &key, SD_KDF_PBKDF2, &err), 0);
	write_image(16 * MIB, "data", 4);
	assert_int_equal(sd_crypt_erase(device, &bytes, &err), 0);
	assert_int_equal(bytes, 16 * MIB);
	read_image(0, area, sizeof(area));
	for (size_t page = 0; page < 16 * MIB; page += 4096) {
		unsigned char sum = 0;

		for (size_t i = 0; i < 64; i++)
			sum |= area[page + i];
		zero_pages += sum == 0;
	}
	assert_int_equal(zero_pages, 0); /* every page was overwritten */
	assert_null(memmem(area, 16 * MIB, "LUKS\xba\xbe", 6));
	assert_null(memmem(area, 16 * MIB, "SKUL\xba\xbe", 6));
	assert_memory_equal(area + 16 * MIB, "data", 4); /* not a byte more */
	assert_int_equal(sd_crypt_check_key(device, ID, &key, &err), -EINVAL);
	make_image(15);
	assert_int_equal(sd_crypt_erase(device, &bytes, &err), -EINVAL);
}

static void mapping_tree(const char *dm, const char *name, const char *uuid, const char *dev)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "/sys/block/%s/dm/name", dm);
	tree_write(path, name);
	(void)snprintf(path, sizeof(path), "/sys/block/%s/dm/uuid", dm);
	tree_write(path, uuid);
	(void)snprintf(path, sizeof(path), "/sys/block/%s/dev", dm);
	tree_write(path, dev);
	(void)snprintf(path, sizeof(path), "/sys/block/%s/slaves/", dm);
	(void)tree_parents(path);
}

static void test_find(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	struct sd_mapping mapping;
	char node[PATH_MAX];

	(void)state;
	mapping_tree("dm-0", "other", "LVM-x", "254:0\n");
	tree_write("/sys/block/sda/dev", "8:0\n");
	assert_int_equal(sd_crypt_find(ID, makedev(259, 1), &mapping, &err), 0);
	mapping_tree("dm-7", NAME "\n", DM_UUID "\n", "254:7\n");
	tree_write("/sys/devices/nvme0n1p1/dev", "259:1\n");
	tree_link("/sys/block/dm-7/slaves/nvme0n1p1", "../../../devices/nvme0n1p1");
	assert_int_equal(sd_crypt_find(ID, makedev(259, 1), &mapping, &err), 1);
	assert_string_equal(mapping.name, NAME);
	assert_true(mapping.devno == makedev(254, 7));
	(void)snprintf(node, sizeof(node), "%s", tree_path("/dev/dm-7"));
	assert_string_equal(mapping.node, node);
	assert_int_equal(sd_crypt_find(OTHER, makedev(259, 1), &mapping, &err), 0);
	assert_int_equal(sd_crypt_find("bad", makedev(259, 1), &mapping, &err), -EINVAL);
}

/* The same mapping as after test_find(), in all the ways in which it can be the wrong one. */
static void test_find_wrong(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	struct sd_mapping mapping = { .name = "untouched" };

	(void)state;
	assert_int_equal(sd_crypt_find(ID, makedev(259, 2), &mapping, &err), -EEXIST);
	assert_non_null(strstr(err.text, "259:1"));
	assert_non_null(strstr(err.text, "259:2"));
	tree_write("/sys/block/dm-7/dm/uuid", "CRYPT-PLAIN-" NAME "\n");
	assert_int_equal(sd_crypt_find(ID, makedev(259, 1), &mapping, &err), -EEXIST);
	assert_non_null(strstr(err.text, "CRYPT-PLAIN"));
	assert_int_equal(sd_crypt_find(ID, 0, &mapping, &err), -EEXIST);
	assert_int_equal(sd_crypt_close(ID, &err), -EEXIST);
	tree_write("/sys/block/dm-7/dm/uuid", DM_UUID "\n");
	/* Its disk was pulled: the link dangles. */
	assert_int_equal(
	        rename(tree_path("/sys/devices/nvme0n1p1"), tree_path("/sys/devices/x")), 0);
	assert_int_equal(sd_crypt_find(ID, makedev(259, 1), &mapping, &err), -EEXIST);
	assert_non_null(strstr(err.text, "gone"));
	assert_string_equal(mapping.name, "untouched");
	assert_int_equal(sd_crypt_find(ID, 0, &mapping, &err), 1);
	assert_string_equal(mapping.name, NAME);
	tree_link("/sys/block/dm-7/slaves/second", "../../../devices/x");
	assert_int_equal(unlink(tree_path("/sys/block/dm-7/slaves/nvme0n1p1")), 0);
	tree_link("/sys/block/dm-7/slaves/first", "../../../devices/x");
	assert_int_equal(sd_crypt_find(ID, makedev(259, 1), &mapping, &err), -EEXIST);
	assert_non_null(strstr(err.text, "does not lie on one device"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_key_length),
		cmocka_unit_test(test_argon2id),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_erase),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_wrong),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
