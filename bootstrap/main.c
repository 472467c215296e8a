/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk, the node tool: finds the command, runs it, reports its error. */

#include "commands.h"
#include "json.h"
#include "log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void print_help(void)
{
	printf("Usage: solodisk COMMAND [OPTION...] [DISK|VOLUME...]\n\n"
	       "Gives Kubernetes pods whole local disks: finds, prepares and cleans them.\n\n"
	       "Commands:\n");
	command_list();
	printf("  help      show this, or the help of a command\n"
	       "\nA DISK is a kernel name (nvme1n1), a path or link to it, or a WWID.\n"
	       "A VOLUME is a volume ID or the name of its PersistentVolume.\n"
	       "\nExit status: 0 done; 1 failed, something may have been changed; 2 wrong usage;\n"
	       "3 refused, nothing was changed; 4 no such disk or volume.\n"
	       "\nEvery command has --help; solodisk(8) tells more.\n");
}

static int help(int argc, char **argv, struct sd_error *err)
{
	const struct command *command;

	if (argc < 2) {
		print_help();
		return TOOL_OK;
	}
	command = command_find(argv[1]);
	if (!command) {
		sd_error_set(
		        err, EINVAL, "there is no command \"%s\" (see \"solodisk help\")", argv[1]);
		return TOOL_USAGE;
	}
	command_help(command);
	return TOOL_OK;
}

/* Options before the command. Returns 0 to go on, 1 when all is done, -EINVAL. */
static int global_options(struct tool *tool, int argc, char **argv, struct sd_error *err)
{
	static const struct option options[] = { COMMON_OPTIONS };
	int c;

	while ((c = getopt_long(argc, argv, "+:hV", options, NULL)) != -1) {
		switch (c) {
		case 'J':
		case 'S':
		case 'V':
			command_common_option(tool, c);
			break;
		case 'h':
			print_help();
			return 1;
		default:
			return sd_error_set(err, EINVAL,
			        "%s is no option here, or lacks its argument (see \"solodisk help\")",
			        argv[optind - 1]);
		}
	}
	return 0;
}

static int run(struct tool *tool, int argc, char **argv, struct sd_error *err)
{
	const struct command *command;
	int r;

	r = global_options(tool, argc, argv, err);
	if (r != 0)
		return r < 0 ? TOOL_USAGE : TOOL_OK;
	argc -= optind;
	argv += optind;
	if (argc < 1) {
		sd_error_set(err, EINVAL, "which command? (see \"solodisk help\")");
		return TOOL_USAGE;
	}
	if (strcmp(argv[0], "help") == 0)
		return help(argc, argv, err);
	command = command_find(argv[0]);
	if (!command) {
		sd_error_set(
		        err, EINVAL, "there is no command \"%s\" (see \"solodisk help\")", argv[0]);
		return TOOL_USAGE;
	}
	optind = 0; /* getopt_long() begins anew */
	return command->run(tool, command, argc, argv, err);
}

int main(int argc, char **argv)
{
	struct sd_error err = SD_ERROR_INIT;
	struct tool tool = { 0 };
	int code;

	sd_json_init();
	sd_log_open("solodisk");
	/* A reader of our output that goes away must not stop us in the middle of a disk. */
	(void)signal(SIGPIPE, SIG_IGN);
	opterr = 0;
	/* An error in the options themselves is answered in JSON too. */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			tool.json = true;

	code = run(&tool, argc, argv, &err);
	if (err.code)
		tool_error(&tool, NULL, code, &err);
	if (fflush(stdout) != 0 && code == TOOL_OK) {
		fprintf(stderr, "solodisk: cannot write the answer: %s\n", strerror(errno));
		code = TOOL_FAILED;
	}
	return code;
}
