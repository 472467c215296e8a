/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which controllers may format a namespace, by what they say of themselves; no command is sent. */

#include "nvme.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
	const char *name;
	unsigned char oacs, fna, flbas, dps;
	unsigned char list[4]; /* namespace IDs; this one is 1 */
	int result;
	uint32_t cdw10;
} cases[] = {
	{ "user data", 2, 0, 0, 0, { 1 }, 0, 1u << 9 },
	{ "crypto", 2, 4, 0, 0, { 1 }, 0, 2u << 9 },
	{ "the LBA format stays", 2, 0, 0x72, 0x0b, { 1 }, 0,
	        0x2 | 0x10 | 3u << 5 | 1u << 8 | 1u << 9 | 3u << 12 },
	{ "others, left alone", 2, 4, 0, 0, { 1, 2, 3 }, 0, 2u << 9 },
	{ "all at once, but there is one", 2, 3, 0, 0, { 1 }, 0, 1u << 9 },
	{ "formats all", 2, 1, 0, 0, { 1, 2 }, -EOPNOTSUPP, 0 },
	{ "erases all", 2, 6, 0, 0, { 1, 2 }, -EOPNOTSUPP, 0 },
	{ "no format", 0xfd, 4, 0, 0, { 1 }, -EOPNOTSUPP, 0 },
	{ "not in the list", 2, 0, 0, 0, { 2 }, -EOPNOTSUPP, 0 },
	{ "an empty list", 2, 0, 0, 0, { 0 }, -EOPNOTSUPP, 0 },
};

static void test_decide(void **state)
{
	static unsigned char controller[SD_NVME_IDENTIFY_SIZE];
	static unsigned char namespace[SD_NVME_IDENTIFY_SIZE];
	static unsigned char list[SD_NVME_IDENTIFY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sd_nvme_identity identity = { 1, controller, namespace, list };
		struct sd_nvme_format format = { .nsid = 77 };
		struct sd_error err = SD_ERROR_INIT;

		controller[256] = cases[i].oacs;
		controller[524] = cases[i].fna;
		namespace[26] = cases[i].flbas;
		namespace[29] = cases[i].dps;
		for (size_t n = 0; n < 4; n++)
			list[n * 4] = cases[i].list[n];
		print_message("%s\n", cases[i].name);
		assert_int_equal(sd_nvme_decide(&identity, &format, &err), cases[i].result);
		if (cases[i].result < 0) {
			assert_string_not_equal(err.text, "");
			assert_int_equal(format.nsid, 77);
			continue;
		}
		assert_int_equal(format.nsid, 1);
		assert_int_equal(format.cdw10, cases[i].cdw10);
		assert_int_equal(format.crypto, !!(cases[i].fna & 4));
	}
}

static void test_not_nvme(void **state)
{
	struct sd_error err = SD_ERROR_INIT;
	struct sd_nvme_format format;

	(void)state;
	assert_int_equal(sd_nvme_format_plan(STDIN_FILENO, &format, &err), -EOPNOTSUPP);
	assert_string_not_equal(err.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_not_nvme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
