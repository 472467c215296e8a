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
			assert_int_equal(read_file("k", text, sizeof(text)),
			        cases[i].mode & 0400 ? -EPERM : -EACCES);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_not_dumped),
		cmocka_unit_test(test_file_rules),
		cmocka_unit_test(test_file_names),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
