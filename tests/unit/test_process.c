/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"
#include "process.h"

#define STUCK ", stuck in the kernel: its disk may not answer"

static void describes(const char *name, const char *expected)
{
	char text[128];

	sd_process_describe(12, name, text, sizeof(text));
	assert_string_equal(text, expected);
}

static void test_words(void **state)
{
	(void)state;
	describes(NULL, "process 12 (its name is not known)");
	tree_write("/proc/12/comm", "postgres\n");
	tree_write("/proc/12/stat", "12 (postgres) S 1 12 12 0 -1 4194560\n");
	describes(NULL, "process 12 (postgres)");
	describes("unmount", "process 12 (unmount)");
	tree_write("/proc/12/stat", "12 (postgres) D 1 12 12 0 -1 4194560\n");
	describes(NULL, "process 12 (postgres" STUCK ")");
	describes("unmount", "process 12 (unmount" STUCK ")");
}

/* A process chooses its name, and may try to look stuck. */
static void test_name_with_a_state(void **state)
{
	(void)state;
	tree_write("/proc/12/comm", "a) D 1 (b\n");
	tree_write("/proc/12/stat", "12 (a) D 1 (b) S 1 12 12\n");
	describes(NULL, "process 12 (a) D 1 (b)");
	tree_write("/proc/12/stat", "12\n");
	describes("mount", "process 12 (mount)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_name_with_a_state),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
