/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"
#include "key_spec.h"

#define KEYS "/etc/solodisk/keys/"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		enum sd_key_kind kind[2];
		const char *name[2];
	} cases[] = {
		{ "secret:key", 1, { SD_KEY_SECRET }, { "key" } },
		{ "file:Node_1.key-2", 1, { SD_KEY_FILE }, { "Node_1.key-2" } },
		{ "token", 1, { SD_KEY_TOKEN }, { NULL } },
		{ "both:secret:k,file:n", 2, { SD_KEY_SECRET, SD_KEY_FILE }, { "k", "n" } },
		{ "both:file:n,secret:k", 2, { SD_KEY_FILE, SD_KEY_SECRET }, { "n", "k" } },
		{ "both:token,file:n", 2, { SD_KEY_TOKEN, SD_KEY_FILE }, { NULL, "n" } },
		{ "both:file:a,file:b", 2, { SD_KEY_FILE, SD_KEY_FILE }, { "a", "b" } },
		{ "both:file:a,secret:a", 2, { SD_KEY_FILE, SD_KEY_SECRET }, { "a", "a" } },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct sd_key_spec spec;
		struct sd_error err = SD_ERROR_INIT;

		if (sd_key_spec_parse(cases[i].text, &spec, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(spec.n, cases[i].n);
		for (size_t j = 0; j < spec.n; j++) {
			assert_int_equal(spec.part[j].kind, cases[i].kind[j]);
			assert_true(sd_key_spec_has(&spec, cases[i].kind[j]));
			if (cases[i].name[j])
				assert_string_equal(spec.part[j].name, cases[i].name[j]);
			else
				assert_null(spec.part[j].name);
		}
		sd_key_spec_free(&spec);
		sd_key_spec_free(&spec);
		assert_int_equal(spec.n, 0);
		assert_false(sd_key_spec_has(&spec, SD_KEY_SECRET));
	}
}

static void test_parse_refused(void **state)
{
	static const char *const cases[] = { "", "key", "secret:", "file:", "secret", "token:x",
		"tokens", "file:../k", "file:a/b", "file:.hidden", "secret:a b", "secret:a,file:b",
		"both:", "both:file:a", "both:file:a,", "both:,file:a", "both:file:a,file:a",
		"both:token,token", "both:file:a,file:b,file:c", "both:both:file:a,file:b",
		"both:file:a,both:file:b,token", "both: file:a,file:b", "Both:file:a,file:b" };

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct sd_key_spec spec;
		struct sd_error err = SD_ERROR_INIT;

		if (sd_key_spec_parse(cases[i], &spec, &err) != -EINVAL || !err.text[0])
			fail_msg("\"%s\" was taken", cases[i]);
	}
}

/* A Secret with these values; each of them 32 bytes of one letter, "tiny" less. */
static int give_secret(void *data, const char *name, struct sd_key *ret, struct sd_error *err)
{
	static const char *const names[] = { "k", "k.previous", "l" };
	char letters[] = "kol", value[32];

	(void)data;
	if (strcmp(name, "tiny") == 0)
		return sd_key_copy("tiny", 4, ret, err);
	for (size_t i = 0; i < SD_ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		memset(value, letters[i], sizeof(value));
		return sd_key_copy(value, sizeof(value), ret, err);
	}
	return sd_error_set(err, ENOKEY, "no %s", name);
}

static int give_token(void *data, bool alone, struct sd_key *ret, struct sd_error *err)
{
	(void)data;
	return sd_key_copy(
	        alone ? "tokentokentokentokentokentokenKEY" : "tokentokentokentokentokentokenTWO",
	        33, ret, err);
}

static int read_spec(const char *text, enum sd_key_version version, struct sd_key *ret)
{
	const struct sd_key_givers givers = { give_secret, give_token, NULL };
	struct sd_error err = SD_ERROR_INIT;
	struct sd_key_spec spec;
	int r;

	assert_int_equal(sd_key_spec_parse(text, &spec, NULL), 0);
	r = sd_key_spec_read(&spec, &givers, version, ret, &err);
	assert_int_equal(err.code, -r);
	sd_key_spec_free(&spec);
	return r;
}

static void combine(const char *a, const char *b, struct sd_key *ret)
{
	struct sd_key first, second;

	assert_int_equal(sd_key_copy(a, strlen(a), &first, NULL), 0);
	assert_int_equal(sd_key_copy(b, strlen(b), &second, NULL), 0);
	assert_int_equal(sd_key_combine(&first, &second, ret, NULL), 0);
	sd_key_free(&first);
	sd_key_free(&second);
}

#define K32 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define O32 "oooooooooooooooooooooooooooooooo"
#define L32 "llllllllllllllllllllllllllllllll"

static void test_read(void **state)
{
	static const struct {
		const char *text;
		enum sd_key_version version;
		int code;
		const char *a, *b; /* a alone, or both */
	} cases[] = {
		{ "secret:k", SD_KEY_CURRENT, 0, K32, NULL },
		{ "secret:k", SD_KEY_PREVIOUS, 0, O32, NULL },
		{ "secret:l", SD_KEY_CURRENT, 0, L32, NULL },
		{ "secret:l", SD_KEY_PREVIOUS, -ENOKEY, NULL, NULL },
		{ "secret:m", SD_KEY_CURRENT, -ENOKEY, NULL, NULL },
		{ "secret:tiny", SD_KEY_CURRENT, 0, "tiny", NULL }, /* for its keyslot to judge */
		{ "file:absent", SD_KEY_CURRENT, -ENOKEY, NULL, NULL },
		{ "token", SD_KEY_CURRENT, 0, "tokentokentokentokentokentokenKEY", NULL },
		{ "token", SD_KEY_PREVIOUS, -ENOKEY, NULL, NULL },
		{ "both:secret:k,secret:l", SD_KEY_CURRENT, 0, K32, L32 },
		{ "both:secret:l,secret:k", SD_KEY_CURRENT, 0, L32, K32 },
		{ "both:secret:k,secret:l", SD_KEY_PREVIOUS, 0, O32, L32 },
		{ "both:secret:l,token", SD_KEY_PREVIOUS, -ENOKEY, NULL, NULL },
		{ "both:token,secret:k", SD_KEY_CURRENT, 0, "tokentokentokentokentokentokenTWO",
		        K32 },
		{ "both:token,secret:k", SD_KEY_PREVIOUS, 0, "tokentokentokentokentokentokenTWO",
		        O32 },
		{ "both:secret:k,secret:tiny", SD_KEY_CURRENT, -EINVAL, NULL, NULL },
		{ "both:secret:k,file:absent", SD_KEY_CURRENT, -ENOKEY, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct sd_key key = SD_KEY_INIT, expected = SD_KEY_INIT;
		const char *a = cases[i].a ? cases[i].a : "";
		int r = read_spec(cases[i].text, cases[i].version, &key);

		if (r != cases[i].code)
			fail_msg("%s (%d): %d", cases[i].text, cases[i].version, r);
		if (r < 0) {
			assert_null(key.data);
			continue;
		}
		if (cases[i].b)
			combine(a, cases[i].b, &expected);
		else
			assert_int_equal(sd_key_copy(a, strlen(a), &expected, NULL), 0);
		assert_int_equal(key.size, expected.size);
		assert_memory_equal(key.data, expected.data, key.size);
		sd_key_free(&key);
		sd_key_free(&expected);
	}
}

/* A file has a previous one too: its name stays the same while the key is rolled. */
static void test_previous_file(void **state)
{
	struct sd_key key;

	(void)state;
	if (geteuid() != 0)
		return; /* a key file that is not root's is refused: test_key.c */
	tree_write(KEYS "f", "new");
	assert_int_equal(chmod(tree_path(KEYS "f"), 0600), 0);
	assert_int_equal(read_spec("file:f", SD_KEY_PREVIOUS, &key), -ENOKEY);
	tree_write(KEYS "f.previous", "old");
	assert_int_equal(read_spec("file:f", SD_KEY_PREVIOUS, &key), -EPERM); /* not ENOKEY */
	assert_int_equal(chmod(tree_path(KEYS "f.previous"), 0600), 0);
	assert_int_equal(read_spec("file:f", SD_KEY_PREVIOUS, &key), 0);
	assert_memory_equal(key.data, "old", 3);
	sd_key_free(&key);
	assert_int_equal(read_spec("file:f", SD_KEY_CURRENT, &key), 0);
	assert_memory_equal(key.data, "new", 3);
	sd_key_free(&key);
}

static void test_nobody_gives(void **state)
{
	static const char *const cases[] = { "secret:k", "token", "both:token,secret:k" };
	const struct sd_key_givers nobody = { NULL, NULL, NULL };

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct sd_key_spec spec;
		struct sd_key key;

		assert_int_equal(sd_key_spec_parse(cases[i], &spec, NULL), 0);
		assert_int_equal(
		        sd_key_spec_read(&spec, &nobody, SD_KEY_CURRENT, &key, NULL), -ENOKEY);
		sd_key_spec_free(&spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refused),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_previous_file),
		cmocka_unit_test(test_nobody_gives),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
