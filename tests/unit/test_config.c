/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_config.h"
#include "cleanup.h"
#include "json.h"
#include "place.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MINIMAL "\"name\":\"a\",\"storageClass\":\"c\",\"disks\":[{\"model\":[\"M1\"]}]"
#define PLAIN MINIMAL ",\"filesystem\":\"xfs\""
#define LUKS PLAIN ",\"encryption\":\"luks2\""
#define POOL(members) "{\"pools\":[{" members "}]}"
#define RULE(members)                                                                            \
	POOL("\"name\":\"a\",\"storageClass\":\"c\",\"filesystem\":\"xfs\",\"disks\":[{" members \
	     "}]")
#define DIRECTORY(members) "{\"directories\":[{\"storageClass\":\"c\"," members "}]}"

static int parse(const char *text, struct sd_error *err)
{
	_cleanup_node_config_ struct node_config config = { 0 };

	return node_config_parse("f", text, strlen(text), &config, err);
}

static void test_full(void **state)
{
	static const char text[] =
	        "{\"pools\": [{\"name\": \"fast-1\", \"storageClass\": \"local.fast\",\n"
	        "\"disks\": [{\"wwid\": [\"eui.*\", \"naa.5*\"], \"serial\": [\"S*\"], \"model\": "
	        "[\"M?\"],\n"
	        " \"transport\": [\"nvme\", \"scsi\"], \"rotational\": false,\n"
	        " \"minSize\": \"100Gi\", \"maxSize\": 2000000000000}, {\"rotational\": true}],\n"
	        "\"filesystem\": \"ext4\", \"mountOptions\": \"noatime\",\n"
	        "\"encryption\": \"luks2\", \"kdf\": \"argon2id\", \"key\": \"secret:db.key\",\n"
	        "\"secretRef\": {\"name\": \"db-key\", \"namespace\": \"default\"},\n"
	        "\"prepare\": \"manual\", \"reclaimPolicy\": \"Delete\", \"erase\": \"crypto\"},\n"
	        "{\"name\": \"b\", \"storageClass\": \"c\", \"volumeMode\": \"Block\", \"disks\": "
	        "[{\"maxSize\": \"1T\"}]}],\n"
	        "\"directories\": [{\"path\": \"/mnt/disks\", \"storageClass\": \"d\",\n"
	        " \"volumeMode\": \"Block\", \"namePattern\": \"vol-*\"}]}\n";
	_cleanup_node_config_ struct node_config config = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	const struct pool *pool;

	(void)state;
	if (node_config_parse("f", text, strlen(text), &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(config.n_pools, 2);
	pool = node_config_pool(&config, "fast-1");
	assert_ptr_equal(pool, &config.pools[0]);
	assert_null(node_config_pool(&config, "fast"));
	assert_string_equal(pool->storage_class, "local.fast");
	assert_int_equal(pool->n_rules, 2);
	assert_int_equal(pool->rules[0].wwid.n, 2);
	assert_string_equal(pool->rules[0].wwid.pattern[1], "naa.5*");
	assert_string_equal(pool->rules[0].serial.pattern[0], "S*");
	assert_string_equal(pool->rules[0].model.pattern[0], "M?");
	assert_int_equal(pool->rules[0].transport.n, 2);
	assert_true(pool->rules[0].has_rotational && !pool->rules[0].rotational);
	assert_true(pool->rules[1].has_rotational && pool->rules[1].rotational);
	assert_int_equal(pool->rules[0].min_size, 100ull << 30);
	assert_int_equal(pool->rules[0].max_size, 2000000000000ull);
	assert_string_equal(pool->filesystem, "ext4");
	assert_string_equal(pool->mount_options, "noatime");
	assert_true(pool->luks && pool->kdf == SD_KDF_ARGON2ID);
	assert_string_equal(pool->key, "secret:db.key");
	assert_string_equal(pool->secret_name, "db-key");
	assert_string_equal(pool->secret_namespace, "default");
	assert_false(pool->automatic);
	assert_int_equal(pool->reclaim, RECLAIM_DELETE);
	assert_int_equal(pool->erase, POOL_ERASE_CRYPTO);
	assert_int_equal(config.pools[1].mode, VOLUME_BLOCK);
	assert_int_equal(config.pools[1].rules[0].max_size, 1000000000000ull);
	assert_int_equal(config.n_directories, 1);
	assert_string_equal(config.directories[0].path, "/mnt/disks");
	assert_string_equal(config.directories[0].storage_class, "d");
	assert_int_equal(config.directories[0].mode, VOLUME_BLOCK);
	assert_string_equal(config.directories[0].name_pattern, "vol-*");
}

static void test_defaults(void **state)
{
	static const char text[] = POOL(PLAIN);
	_cleanup_node_config_ struct node_config config = { 0 };

	(void)state;
	assert_int_equal(node_config_parse("f", text, strlen(text), &config, NULL), 0);
	assert_int_equal(config.pools[0].mode, VOLUME_FILESYSTEM);
	assert_int_equal(config.pools[0].kdf, SD_KDF_PBKDF2);
	assert_int_equal(config.pools[0].reclaim, RECLAIM_RETAIN);
	assert_int_equal(config.pools[0].erase, POOL_ERASE_DEFAULT);
	assert_false(config.pools[0].automatic || config.pools[0].luks ||
	        config.pools[0].rules[0].has_rotational);
}

static void test_taken(void **state)
{
	static const char *const cases[] = {
		"{}", POOL(PLAIN ",\"prepare\":\"automatic\""),
		POOL(LUKS ",\"key\":\"file:k\",\"prepare\":\"automatic\""),
		POOL(LUKS ",\"key\":\"both:file:a,file:b\",\"prepare\":\"automatic\""),
		POOL(LUKS ",\"key\":\"file:k\",\"erase\":\"zero\",\"kdf\":\"pbkdf2\""),
		POOL(PLAIN ",\"erase\":\"discard\",\"volumeMode\":\"Filesystem\""),
		RULE("\"minSize\":\"1Gi\",\"maxSize\":\"1Gi\""),
		RULE("\"minSize\":0,\"rotational\":true"), DIRECTORY("\"path\":\"/mnt\""),
		DIRECTORY("\"path\":\"/mnt/a.b/..c/.d\""),
		"{\"\\u0070ools\":[{" PLAIN "}]}", /* an escape is the character */
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct sd_error err = SD_ERROR_INIT;

		if (parse(cases[i], &err) < 0)
			fail_msg("%s: %s", cases[i], err.text);
	}
}

/* Each with what its error says. */
static const struct {
	const char *text, *why;
} refused[] = {
	{ "[]", "not a JSON object" },
	{ "{\"pools\":[]}", "pools: it is empty" },
	{ "{\"pools\":{}}", "pools: it must be an array" },
	{ "{\"pools\":[1]}", "pools[0]: it must be an object" },
	{ "{\"pool\":[]}",
	        "pool: there is no such key here (known: pools, directories, scanSeconds, missingSeconds, ownerReference)" },
	{ "{\"a\\nb\":1}", "a key with an unusual name" },
	{ "{\"pools\":[{" PLAIN "}],\"pools\":[{" PLAIN "}]}", "a key occurs twice" },
	{ "{\"pools\":[{" PLAIN "},{" PLAIN "}]}",
	        "pools[1]: there are two pools of the name \"a\"" },
	{ POOL("\"name\":\"a\",\"filesystem\":\"xfs\",\"disks\":[{\"rotational\":true}]"),
	        "pools[0]: \"storageClass\" is missing" },
	{ POOL("\"name\":\"a\",\"storageClass\":\"c\",\"filesystem\":\"xfs\""),
	        "\"disks\" is missing" },
	{ POOL(MINIMAL), "pools[0]: \"filesystem\" is missing" },
	{ POOL(MINIMAL ",\"filesystem\":\"btrfs\""),
	        "pools[0].filesystem: it must be \"xfs\" or \"ext4\"" },
	{ POOL(MINIMAL ",\"filesystem\":null"), "must be \"xfs\"" },
	{ POOL("\"name\":\"A\""), "pools[0].name: it must be lower case" },
	{ POOL("\"name\":\"-a\""), "pools[0].name" },
	{ POOL("\"name\":\"\""), "pools[0].name: it is empty" },
	{ POOL("\"name\":7"), "pools[0].name: it must be a string" },
	{ POOL("\"name\":\"a\",\"storageClass\":\"a..b\""),
	        "pools[0].storageClass: it is no name" },
	{ POOL(PLAIN ",\"size\":1"), "pools[0].size: there is no such key here (known: name, " },
	{ POOL(PLAIN ",\"mountOptions\":\"loop\""), "mountOptions: " },
	{ POOL(PLAIN ",\"mountOptions\":\"a\\u0001\""), "control character" },
	{ POOL(PLAIN ",\"encryption\":\"luks1\""), "pools[0].encryption: it must be \"luks2\"" },
	{ POOL(LUKS), "\"encryption\" needs a \"key\"" },
	{ POOL(PLAIN ",\"key\":\"file:k\""), "without \"encryption\"" },
	{ POOL(PLAIN ",\"kdf\":\"argon2id\""), "without \"encryption\"" },
	{ POOL(LUKS ",\"key\":\"k\""), "pools[0].key: it must be file:NAME, secret:KEY" },
	{ POOL(LUKS ",\"key\":\"file:../k\""), "pools[0].key: it must be" },
	{ POOL(LUKS ",\"key\":\"token\""), "pools[0].key: it must be" },
	{ POOL(LUKS ",\"key\":\"both:file:a,token\""), "pools[0].key: it must be" },
	{ POOL(LUKS ",\"key\":\"secret:k\""), "\"secretRef\" is missing" },
	{ POOL(LUKS ",\"key\":\"both:file:a,secret:k\""), "\"secretRef\" is missing" },
	{ POOL(LUKS ",\"key\":\"file:k\",\"secretRef\":{\"name\":\"n\",\"namespace\":\"s\"}"),
	        "\"secretRef\" goes with" },
	{ POOL(LUKS ",\"key\":\"secret:k\",\"secretRef\":{\"name\":\"n\"}"),
	        "pools[0].secretRef: \"namespace\" is missing" },
	{ POOL(LUKS ",\"key\":\"secret:k\",\"prepare\":\"automatic\",\"secretRef\":{\"name\":\"n\","
	            "\"namespace\":\"s\"}"),
	        "needs a key that the node has" },
	{ POOL(PLAIN ",\"erase\":\"nvme-format\""),
	        "pools[0].erase: nvme-format is for an operator" },
	{ POOL(PLAIN ",\"erase\":\"crypto\""), "\"crypto\" needs" },
	{ POOL(PLAIN ",\"reclaimPolicy\":\"Recycle\""), "\"Retain\" or \"Delete\"" },
	{ POOL(PLAIN ",\"volumeMode\":\"Block\""), "there is no filesystem" },
	{ POOL("\"name\":\"a\",\"storageClass\":\"c\",\"disks\":[{\"serial\":[\"S123\"]}],"
	       "\"volumeMode\":\"Block\",\"encryption\":\"luks2\",\"key\":\"file:k\""),
	        "pools[0]: \"encryption\" does not go with \"volumeMode\": \"Block\"" },
	{ POOL(PLAIN ",\"prepare\":true"), "\"manual\" or \"automatic\"" },
	{ POOL("\"prepare\":\"automatic\",\"filesystem\":\"xfs\",\"name\":\"a\",\"storageClass\":\"c\","
	       "\"disks\":[{\"serial\":[\"S123\"]},{\"model\":[\"*\"]}]"),
	        "disks[1] has no wwid, serial or model" },
	{ RULE(""), "pools[0].disks[0]: it says nothing" },
	{ RULE("\"minSize\":0"), "it says nothing" },
	{ RULE("\"wwid\":\"eui.1\""), "pools[0].disks[0].wwid: it must be an array" },
	{ RULE("\"wwid\":[]"), "pools[0].disks[0].wwid: it is empty" },
	{ RULE("\"wwid\":[\"a\",\"\"]"), "pools[0].disks[0].wwid[1]: it is empty" },
	{ RULE("\"wwid\":[\"a\",\"a\"]"), "wwid[1]: it is there twice" },
	{ RULE("\"transport\":[\"sas\"]"), "transport[0]: it must be \"nvme\", \"scsi\", " },
	{ RULE("\"rotational\":\"no\""), "rotational: it must be true or false" },
	{ RULE("\"minSize\":\"1GB\""), "minSize: it must be a number of bytes" },
	{ RULE("\"minSize\":-1"), "minSize: it must be" },
	{ RULE("\"minSize\":1.5"), "minSize: it must be" },
	{ RULE("\"minSize\":\"99999Pi\""), "minSize: it must be" },
	{ RULE("\"maxSize\":0"), "no disk is that small" },
	{ RULE("\"minSize\":\"2Gi\",\"maxSize\":\"1Gi\""), "pools[0].disks[0]: no disk has both" },
	{ DIRECTORY("\"volumeMode\":\"Block\""), "directories[0]: \"path\" is missing" },
	{ DIRECTORY("\"path\":\"mnt\""), "directories[0].path: it must be an absolute path" },
	{ DIRECTORY("\"path\":\"/\""), "absolute path" },
	{ DIRECTORY("\"path\":\"/mnt/\""), "absolute path" },
	{ DIRECTORY("\"path\":\"//mnt\""), "absolute path" },
	{ DIRECTORY("\"path\":\"/mnt/../etc\""), "absolute path" },
	{ DIRECTORY("\"path\":\"/mnt/.\""), "absolute path" },
	{ DIRECTORY("\"path\":\"/mnt/..\""), "absolute path" },
	{ "{\"directories\":[{\"path\":\"/a\",\"storageClass\":\"c\"},{\"path\":\"/a\","
	  "\"storageClass\":\"d\"}]}",
	        "directories[1]: the directory /a is there twice" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(refused); i++) {
		struct sd_error err = SD_ERROR_INIT;

		if (parse(refused[i].text, &err) != -EINVAL || !strstr(err.text, refused[i].why))
			fail_msg("%s\n  says: %s\n  must say: %s", refused[i].text, err.text,
			        refused[i].why);
		assert_int_equal(strncmp(err.text, "f: ", 3), 0);
	}
}

static void test_lines(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} cases[] = {
		{ "\n\n{\"pools\":\n[]}", 3 }, /* the key's line, not the value's */
		{ "{\n\"directories\": [ {\"path\": \"/a\", \"storageClass\": \"c\"},\n\n{\"path\": \"/b\"} ],"
		  "\n\"pools\": 7}",
		        4 },
		{ "{\"pools\": [{\"name\": \"a\", \"storageClass\": \"{[,\\\"\\\\\", \n\"x\": 1}]}",
		        1 },
		{ "{\"pools\": [{\"name\": \"a\", \"storageClass\": \"c\",\n\"disks\": [{\"model\":\n[\"{[,]}\", "
		  "\"\\\"\\\\\",\n\n5]}]}]}",
		        5 },
		{ "{\n \"pools\": [\n  {\n   \"name\": \"a\",\n   \"typo\": {\"a\": [1, {}]},\n   \"b\": 1}]}",
		        5 },
		{ "{\n \"pools\": [\n  {\n   \"name\": \"a\",\n   \"disks\": [{\"wwid\": [\"x\"]}],\n  "
		  "\"filesystem\" :\n\"zfs\"}]}",
		        6 },
		{ "{\n\"pools\": [\n{", 3 }, /* not JSON at all */
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct sd_error err = SD_ERROR_INIT;
		char want[32];

		(void)snprintf(want, sizeof(want), "line %u", cases[i].line);
		assert_int_equal(parse(cases[i].text, &err), -EINVAL);
		if (!strstr(err.text, want))
			fail_msg("%s\n  says: %s\n  must say %s", cases[i].text, err.text, want);
	}
}

/* An array of n times an item, its '#' a number, between two texts. */
static int parse_many(const char *before, const char *item, size_t n, const char *after)
{
	_cleanup_free_ char *text = NULL;
	struct sd_error err = SD_ERROR_INIT;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int r;

	assert_non_null(f);
	fputs(before, f);
	for (size_t i = 0; i < n; i++) {
		const char *number = strchr(item, '#');

		fprintf(f, "%s%.*s%zu%s", i ? "," : "", (int)(number - item), item, i, number + 1);
	}
	fputs(after, f);
	assert_int_equal(fclose(f), 0);
	r = parse(text, &err);
	if (r < 0)
		assert_non_null(strstr(err.text, "at most"));
	return r;
}

static void test_limits(void **state)
{
	static const struct {
		const char *before, *item, *after;
		size_t max;
	} cases[] = {
		{ "{\"pools\":[",
		        "{\"name\":\"p#\",\"storageClass\":\"c\",\"filesystem\":\"xfs\",\"disks\":"
		        "[{\"rotational\":true}]}",
		        "]}", 64 },
		{ "{\"directories\":[", "{\"path\":\"/mnt/#\",\"storageClass\":\"c\"}", "]}", 64 },
		{ "{\"pools\":[{\"name\":\"a\",\"storageClass\":\"c\",\"filesystem\":\"xfs\",\"disks\":[",
		        "{\"minSize\":1#}", "]}]}", 64 },
		{ "{\"pools\":[{\"name\":\"a\",\"storageClass\":\"c\",\"filesystem\":\"xfs\",\"disks\":[{\"wwid\":[",
		        "\"#\"", "]}]}]}", 256 },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		assert_int_equal(
		        parse_many(cases[i].before, cases[i].item, cases[i].max, cases[i].after),
		        0);
		assert_int_equal(parse_many(cases[i].before, cases[i].item, cases[i].max + 1,
		                         cases[i].after),
		        -EINVAL);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size; /* 0: refused */
	} cases[] = { { "1", 1 }, { "1k", 1000 }, { "1Ki", 1024 }, { "3Mi", 3 << 20 },
		{ "2G", 2000000000 }, { "1Ti", 1ull << 40 }, { "8Pi", 8ull << 50 }, { "9Pi", 0 },
		{ "1K", 0 }, { "1ki", 0 }, { "1Gib", 0 }, { "1 Gi", 0 }, { " 1", 0 }, { "+1", 0 },
		{ "", 0 }, { "Gi", 0 }, { "1.5Gi", 0 }, { "0x10", 0 },
		{ "99999999999999999999999", 0 } };

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		uint64_t size = 0;

		if ((size_parse(cases[i].text, &size) == 0) != (cases[i].size != 0) ||
		        size != cases[i].size)
			fail_msg("\"%s\": %llu", cases[i].text, (unsigned long long)size);
	}
}

static void test_file(void **state)
{
	char path[] = "/tmp/solodisk-config-XXXXXX";
	_cleanup_node_config_ struct node_config config = { 0 };
	struct sd_error err = SD_ERROR_INIT;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, POOL(PLAIN), strlen(POOL(PLAIN))), (ssize_t)strlen(POOL(PLAIN)));
	assert_int_equal(node_config_read(path, &config, &err), 0);
	node_config_free(&config);
	assert_int_equal(fchmod(fd, 0664), 0);
	assert_int_equal(node_config_read(path, &config, &err), -EPERM);
	assert_int_equal(fchmod(fd, 0644), 0);
	if (geteuid() == 0) {
		assert_int_equal(fchown(fd, 65534, 65534), 0);
		assert_int_equal(node_config_read(path, &config, &err), -EPERM);
	}
	(void)close(fd);
	(void)unlink(path);
	assert_int_equal(node_config_read(path, &config, &err), -ENOENT);
	assert_int_equal(node_config_read("/tmp", &config, &err) < 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_file),
	};

	sd_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
