/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pool.h"
#include "cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB (1ull << 30)

#define PATTERNS(...)                                                               \
	{                                                                           \
		.pattern = (const char *[]){ __VA_ARGS__ },                         \
		.n = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *) \
	}

static const struct sd_disk nvme = {
	.name = "nvme0n1",
	.wwid = "eui.0025385b71b0a1f3",
	.serial = "S4EWNX0R123456",
	.model = "SAMSUNG MZVLB1T0HBLR-000L7",
	.transport = "nvme",
	.size = 1000 * GIB,
};

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{ "eui.0025385b71b0a1f3", "eui.0025385b71b0a1f3", true },
		{ "eui.0025385b71b0a1f", "eui.0025385b71b0a1f3", false }, /* never a part */
		{ "0025385b71b0a1f3", "eui.0025385b71b0a1f3", false },
		{ "eui.0025*", "eui.0025385b71b0a1f3", true },
		{ "EUI.0025*", "eui.0025385b71b0a1f3", false },
		{ "*", "", true },
		{ "?*", "", false },
		{ "SAMSUNG *", "SAMSUNG MZ/VLB", true }, /* a slash is a character */
		{ "S[0-4]E*", "S4EWNX", true },
		{ "S[!4]E*", "S4EWNX", false },
		{ "a\\*b", "a*b", true },
		{ "a\\*b", "axb", false },
		{ "[", "[", true },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct patterns patterns = PATTERNS(cases[i].pattern);

		if (patterns_match(&patterns, cases[i].text) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].text);
	}
	assert_true(patterns_match(&(struct patterns)PATTERNS("x", "y"), "y"));
	assert_true(patterns_match(&(struct patterns){ 0 }, "anything"));
}

static void test_names_disks(void **state)
{
	static const struct {
		const char *pattern;
		bool wwid, serial; /* as a WWID, as a serial number */
	} cases[] = {
		{ "*", false, false },
		{ "**?*", false, false },
		{ "[a-zA-Z0-9]*", false, false },
		{ "[!]abcdef]*", false, false },
		{ "[]abcdef]*", false, false },
		{ "eui.*", false, false },
		{ "nvme.*", false, true }, /* a serial number that begins so is one */
		{ "naa.50*", false, true },
		{ "naa.5000c5*", true, true },
		{ "A1", true, true },
		{ "A1*", false, false },
		{ "S4EW*", true, true },
		{ "[", false, false },
		{ "\\*", false, false },
	};

	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++) {
		struct pool_rule rule = { .wwid = PATTERNS(cases[i].pattern) };

		if (pool_rule_names_disks(&rule) != cases[i].wwid)
			fail_msg("WWID \"%s\"", cases[i].pattern);
		rule = (struct pool_rule){ .serial = PATTERNS(cases[i].pattern) };
		if (pool_rule_names_disks(&rule) != cases[i].serial)
			fail_msg("serial \"%s\"", cases[i].pattern);
	}
	assert_false(pool_rule_names_disks(
	        &(struct pool_rule){ .transport = PATTERNS("nvme"), .min_size = GIB }));
	assert_false(
	        pool_rule_names_disks(&(struct pool_rule){ .model = PATTERNS("SAMSUNG*", "*") }));
	assert_true(pool_rule_names_disks(
	        &(struct pool_rule){ .model = PATTERNS("SAMSUNG*"), .serial = PATTERNS("*") }));
}

/* The note for one rule, "" when it matches. */
static const char *note_for(struct pool_rule rule)
{
	static char note[300];
	struct pool pool = { .name = "fast", .rules = &rule, .n_rules = 1 };

	note[0] = '\0';
	if (pools_match(&pool, 1, &nvme, note, sizeof(note)))
		assert_string_equal(note, "");
	else
		assert_string_not_equal(note, "");
	return note;
}

static void test_rules(void **state)
{
	(void)state;
	assert_string_equal(note_for((struct pool_rule){ .wwid = PATTERNS("eui.*") }), "");
	assert_string_equal(note_for((struct pool_rule){ .wwid = PATTERNS("naa.*") }),
	        "no pool matches it (not \"fast\": its WWID is not one of those)");
	assert_non_null(strstr(note_for((struct pool_rule){ .serial = PATTERNS("S4") }), "serial"));
	assert_non_null(
	        strstr(note_for((struct pool_rule){ .model = PATTERNS("SAMSUNG") }), "model"));
	assert_non_null(
	        strstr(note_for((struct pool_rule){ .transport = PATTERNS("scsi") }), "attached"));
	assert_non_null(
	        strstr(note_for((struct pool_rule){ .has_rotational = true, .rotational = true }),
	                "does not rotate"));
	assert_string_equal(note_for((struct pool_rule){ .has_rotational = true }), "");
	assert_string_equal(
	        note_for((struct pool_rule){ .min_size = 1000 * GIB, .max_size = 1000 * GIB }), "");
	assert_non_null(
	        strstr(note_for((struct pool_rule){ .min_size = 1000 * GIB + 1 }), "smaller"));
	assert_non_null(strstr(
	        note_for((struct pool_rule){ .max_size = 1000 * GIB - 1 }), "larger than 999.9G"));
	/* all that is said must hold */
	assert_non_null(strstr(note_for((struct pool_rule){ .wwid = PATTERNS("eui.*"),
	                               .transport = PATTERNS("nvme"),
	                               .max_size = GIB }),
	        "larger than 1G"));
}

static void test_pools(void **state)
{
	struct pool_rule small[] = { { .wwid = PATTERNS("naa.*") }, { .max_size = GIB } };
	struct pool_rule any = { .transport = PATTERNS("scsi", "nvme") };
	struct pool pools[] = {
		{ .name = "small", .rules = small, .n_rules = 2 },
		{ .name = "fast", .rules = &any, .n_rules = 1 },
		{ .name = "more", .rules = &any, .n_rules = 1 },
	};
	char note[300] = "";

	(void)state;
	assert_ptr_equal(pools_match(pools, 2, &nvme, note, sizeof(note)), &pools[1]);
	assert_null(pools_match(pools, 1, &nvme, note, sizeof(note)));
	assert_string_equal(note, "no pool matches it (not \"small\": it is larger than 1G)");
	assert_null(pools_match(pools, 3, &nvme, note, sizeof(note)));
	assert_string_equal(
	        note, "two pools match it, \"fast\" and \"more\": it is left until one does");
	assert_null(pools_match(NULL, 0, &nvme, note, sizeof(note)));
	assert_string_equal(note, "there are no pools");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_names_disks),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
