/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"
#include "key.h"

#define KEYS "/etc/solodisk/keys/"

static void test_base64(void **state)
{
	static const struct {
		const char *text;
		const char *bytes; /* NULL: refused */
	} cases[] = {
		/* RFC 4648, section 10 */
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ "Zm9vYmFy", "foobar" },
		{ "+/+/", "\xfb\xff\xbf" },
		{ "Zg", NULL },
		{ "Zg=", NULL },
		{ "Zm9vYg=", NULL },
		{ "Zg==\n", NULL },
		{ "Zm 9v", NULL },
		{ "Zh==", NULL }, /* bits that no byte takes */
		{ "Zm9=", NULL },
		{ "Z===", NULL },
		{ "====", NULL },
		{ "Zg==Zg==", NULL },
		{ "Zm9=Zm9v", NULL },
		{ "Zm9-", NULL }, /* the alphabet of URLs */
		{ "Zm9_", NULL },
		{ "Zm9\xc3", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sd_key key = SD_KEY_INIT;
		struct sd_error err = SD_ERROR_INIT;
		int r = sd_key_from_base64(cases[i].text, &key, &err);

		if (!cases[i].bytes) {
			assert_int_equal(r, -EINVAL);
			assert_null(key.data);
			assert_null(cases[i].text[0] ? strstr(err.text, cases[i].text) : NULL);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(key.size, strlen(cases[i].bytes));
		assert_memory_equal(key.data, cases[i].bytes, key.size);
		sd_key_free(&key);
	}
}

static void test_sizes(void **state)
{
	static unsigned char data[SD_KEY_MAX_SIZE + 1];
	struct sd_key key = SD_KEY_INIT;
	struct sd_error err = SD_ERROR_INIT;

	(void)state;
	memset(data, 'k', sizeof(data));
	for (size_t size = 0; size <= SD_KEY_MAX_SIZE; size += size < 64 ? 1 : 504) {
		assert_int_equal(sd_key_copy(data, size, &key, &err), 0);
		assert_int_equal(key.size, size);
		assert_non_null(key.data);
		assert_memory_equal(key.data, data, size);
		sd_key_free(&key);
		assert_null(key.data);
		sd_key_free(&key); /* twice is fine */
	}
	assert_int_equal(sd_key_copy(data, sizeof(data), &key, &err), -EINVAL);
	assert_null(key.data);
}

/* The page is kept out of core dumps: "dd" among the mapping's flags in smaps. */
static void test_not_dumped(void **state)
{
	struct sd_key key = SD_KEY_INIT;
	char line[512], address[32];
	bool ours = false, found = false;
	FILE *f;

	(void)state;
	assert_int_equal(sd_key_copy("secret", 6, &key, NULL), 0);
	f = fopen("/proc/self/smaps", "r");
	assert_non_null(f);
	(void)snprintf(address, sizeof(address), "%lx-", (unsigned long)key.data);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, address, strlen(address)) == 0)
			ours = true;
		else if (ours && strncmp(line, "VmFlags:", 8) == 0) {
			found = strstr(line, " dd") != NULL;
			break;
		}
	}
	assert_int_equal(fclose(f), 0);
	assert_true(ours);
	assert_true(found);
	sd_key_free(&key);
}

static void key_file(const char *name, const char *content, mode_t mode)
{
	char path[128];

	(void)snprintf(path, sizeof(path), KEYS "%s", name);
	tree_write(path, content);
	assert_int_equal(chmod(tree_path(path), mode), 0);
}

static int read_file(const char *name, char *ret_text, size_t size)
{
	struct sd_key key = SD_KEY_INIT;
	struct sd_error err = SD_ERROR_INIT;
	int r = sd_key_read_file(name, &key, &err);

	assert_int_equal(err.code, -r);
	if (r == 0) {
		assert_true(key.size < size);
		memcpy(ret_text, key.data, key.size);
		ret_text[key.size] = '\0';
		sd_key_free(&key);
	} else {
		assert_null(key.data);
		assert_null(strstr(err.text, "content-of-the-key"));
	}
	return r;
}

static void test_file_rules(void **state)
{
	static const struct {
		mode_t mode;
		int result;
	} cases[] = {
		{ 0400, 0 },
		{ 0600, 0 },
		{ 0440, -EPERM },
		{ 0640, -EPERM },
		{ 0604, -EPERM },
		{ 0700, -EPERM },
		{ 04600, -EPERM },
	};
	char text[SD_KEY_MAX_SIZE + 1], big[SD_KEY_MAX_SIZE + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		key_file("k", "content-of-the-key\n", cases[i].mode);
		if (geteuid() != 0) { /* then the file is not root's, and that alone is refused */
			assert_int_equal(read_file("k", text, sizeof(text)), -EPERM);
			continue;
		}
		assert_int_equal(read_file("k", text, sizeof(text)), cases[i].result);
		if (cases[i].result == 0)
			assert_string_equal(text, "content-of-the-key\n");
	}
	assert_int_equal(read_file("absent", text, sizeof(text)), -ENOENT);
	if (geteuid() != 0)
		return;
	key_file("k", "content-of-the-key", 0600);
	assert_int_equal(chown(tree_path(KEYS "k"), 1, 0), 0);
	assert_int_equal(read_file("k", text, sizeof(text)), -EPERM);
	key_file("empty", "", 0600);
	assert_int_equal(read_file("empty", text, sizeof(text)), -EINVAL);
	memset(big, 'x', sizeof(big));
	big[SD_KEY_MAX_SIZE + 1] = '\0';
	key_file("big", big, 0600);
	assert_int_equal(read_file("big", text, sizeof(text)), -EINVAL);
	big[SD_KEY_MAX_SIZE] = '\0';
	key_file("just", big, 0600);
	assert_int_equal(read_file("just", text, sizeof(text)), 0);
}

static void test_file_names(void **state)
{
	static const char *const refused[] = { "", ".", "..", "a/b", "/etc/passwd", "../k" };
	char text[64];

	(void)state;
	key_file("real", "content-of-the-key", 0600);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(read_file(refused[i], text, sizeof(text)), -EINVAL);
	tree_link(KEYS "link", "real");
	assert_int_equal(read_file("link", text, sizeof(text)), -ELOOP);
	assert_int_equal(mkdir(tree_path(KEYS "dir"), 0600), 0);
	assert_int_equal(read_file("dir", text, sizeof(text)), -EINVAL);
	/* A FIFO nobody writes to must not hang the call. */
	assert_int_equal(mkfifo(tree_path(KEYS "fifo"), 0600), 0);
	assert_int_equal(read_file("fifo", text, sizeof(text)), -EINVAL);
}

/* Who may write to a directory on the way could put another file in the key's place. */
static void test_file_directories(void **state)
{
	static const char *const directories[] = { "/etc/solodisk", "/etc/solodisk/keys" };
	static const mode_t refused[] = { 0720, 0702, 0777, 01777 };
	char text[64];

	(void)state;
	if (geteuid() != 0)
		return; /* then they are not root's, and each read above was refused for that */
	key_file("d", "content-of-the-key", 0600);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		const char *path = tree_path(directories[i]);

		for (size_t j = 0; j < sizeof(refused) / sizeof(refused[0]); j++) {
			assert_int_equal(chmod(path, refused[j]), 0);
			assert_int_equal(read_file("d", text, sizeof(text)), -EPERM);
		}
		assert_int_equal(chmod(path, 0700), 0);
		assert_int_equal(chown(path, 1, 0), 0);
		assert_int_equal(read_file("d", text, sizeof(text)), -EPERM);
		assert_int_equal(chown(path, 0, 0), 0);
		assert_int_equal(read_file("d", text, sizeof(text)), 0);
	}
	assert_int_equal(
	        rename(tree_path("/etc/solodisk/keys"), tree_path("/etc/solodisk/elsewhere")), 0);
	tree_link("/etc/solodisk/keys", "elsewhere");
	assert_int_equal(read_file("d", text, sizeof(text)), -ENOTDIR);
	assert_int_equal(unlink(tree_path("/etc/solodisk/keys")), 0);
	assert_int_equal(read_file("d", text, sizeof(text)), -ENOENT);
	assert_int_equal(
	        rename(tree_path("/etc/solodisk/elsewhere"), tree_path("/etc/solodisk/keys")), 0);
}

static void combine(const unsigned char *a, size_t a_size, const unsigned char *b, size_t b_size,
        struct sd_key *ret)
{
	struct sd_key first, second;

	assert_int_equal(sd_key_copy(a, a_size, &first, NULL), 0);
	assert_int_equal(sd_key_copy(b, b_size, &second, NULL), 0);
	assert_int_equal(sd_key_combine(&first, &second, ret, NULL), 0);
	assert_int_equal(ret->size, SD_KEY_COMBINED_SIZE);
	sd_key_free(&first);
	sd_key_free(&second);
}

/* docs/security.md has this vector, and the command of openssl that computes it. */
static void test_combine(void **state)
{
	static const unsigned char expected[SD_KEY_COMBINED_SIZE] = { 0xb2, 0x11, 0xfd, 0x89, 0xc9,
		0x35, 0xbb, 0x83, 0xc9, 0x6c, 0x37, 0x2b, 0x95, 0xfe, 0xe3, 0xc7, 0x38, 0x0d, 0xef,
		0xe9, 0xa6, 0x1f, 0x27, 0xd6, 0xdf, 0x28, 0x82, 0x34, 0xcb, 0xc2, 0xf3, 0xcf, 0x3b,
		0x81, 0xb7, 0xc2, 0x9e, 0x0e, 0xac, 0x56, 0x6a, 0x89, 0x14, 0xac, 0x0a, 0xb6, 0xb5,
		0xb5, 0x5e, 0x6f, 0xcc, 0xda, 0xf1, 0xed, 0x54, 0xcb, 0x5a, 0x2d, 0x47, 0x5e, 0x27,
		0x88, 0x3f, 0x04 };
	static unsigned char bytes[2 * SD_KEY_MAX_SIZE];
	struct sd_key key, other;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	combine(bytes, 32, bytes + 64, 64, &key);
	assert_memory_equal(key.data, expected, sizeof(expected));
	sd_key_free(&key);

	/* The same bytes in a row, cut elsewhere; and the same parts the other way round. */
	combine(bytes, 40, bytes + 40, 50, &key);
	combine(bytes, 41, bytes + 41, 49, &other);
	assert_memory_not_equal(key.data, other.data, SD_KEY_COMBINED_SIZE);
	sd_key_free(&other);
	combine(bytes + 40, 50, bytes, 40, &other);
	assert_memory_not_equal(key.data, other.data, SD_KEY_COMBINED_SIZE);
	sd_key_free(&other);
	combine(bytes, 40, bytes + 40, 50, &other);
	assert_memory_equal(key.data, other.data, SD_KEY_COMBINED_SIZE);
	sd_key_free(&other);
	sd_key_free(&key);
	combine(bytes, SD_KEY_MAX_SIZE, bytes + SD_KEY_MAX_SIZE, SD_KEY_MAX_SIZE, &key);
	sd_key_free(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_not_dumped),
		cmocka_unit_test(test_file_rules),
		cmocka_unit_test(test_file_names),
		cmocka_unit_test(test_file_directories),
		cmocka_unit_test(test_combine),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
