/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The commands of the node tool, and what all of them share: common options, errors, exit codes. */

#include "error.h"
#include "json.h"

#include <getopt.h>
#include <stdbool.h>

/* Documented in solodisk(8); scripts decide by them. */
enum tool_exit {
	TOOL_OK = 0,
	TOOL_FAILED = 1,    /* something may have been changed */
	TOOL_USAGE = 2,     /* wrong arguments, nothing was done */
	TOOL_REFUSED = 3,   /* refused, nothing was changed */
	TOOL_NOT_FOUND = 4, /* no such disk or volume */
};

struct tool {
	bool json;
	bool sysroot; /* a recorded tree: it can be looked at, nothing more */
};

struct command {
	const char *name;
	const char *summary;   /* one line for "solodisk help" */
	const char *arguments; /* behind the name in the usage line */
	const char *help;      /* the command's own options, a line each */
	bool changes_disks;    /* refused with --sysroot */
	/*
	 * Returns an enum tool_exit. An error that is still in err is reported by main, once; one that
	 * belongs to one of several disks is reported by tool_error() as it happens.
	 */
	int (*run)(struct tool *tool, const struct command *self, int argc, char **argv,
	        struct sd_error *err);
};

extern const struct command cmd_list, cmd_show, cmd_prepare, cmd_erase, cmd_release, cmd_pv,
        cmd_adopt, cmd_grow, cmd_rotate, cmd_header, cmd_reencrypt;

const struct command *command_find(const char *name); /* NULL: none */
void command_list(void);                              /* name and summary of each, on stdout */
void command_help(const struct command *command);     /* on stdout */

extern const struct command cmd_plan, cmd_apply, cmd_agent, cmd_status;

extern const struct command cmd_install, cmd_uninstall, cmd_doctor;

/* What every command takes; goes into its getopt_long() table. */
#define COMMON_OPTIONS                                                          \
	{ "json", no_argument, NULL, 'J' }, { "help", no_argument, NULL, 'h' }, \
	        { "version", no_argument, NULL, 'V' },                          \
	        { "sysroot", required_argument, NULL, 'S' },                    \
	{                                                                       \
		NULL, 0, NULL, 0                                                \
	}

/* Deals with one of --json, --sysroot and --version; the last does not return. */
void command_common_option(struct tool *tool, int c);

/*
 * getopt_long() for one command, options and arguments in any order. Common options are dealt with
 * here (--help and --version print and exit). Returns the command's own option, -1 at the end, or
 * '?' with err set when the arguments are wrong.
 */
int command_getopt(struct tool *tool, const struct command *self, int argc, char **argv,
        const struct option *options, struct sd_error *err);

/* Notes a usage error, with a word on where to read more. Returns TOOL_USAGE. */
int command_usage(const struct command *self, struct sd_error *err, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* The exit code for an error before anything was changed. */
int tool_exit_code(const struct sd_error *err);

/* Reports an error, of a disk if that is not NULL: on stderr, or as a line of JSON on stdout. */
void tool_error(
        const struct tool *tool, const char *disk, int exit_code, const struct sd_error *err);

/* Prints JSON on stdout: one line, or indented for a person. Takes the value over. */
int tool_print_json(sd_json *json, bool pretty, struct sd_error *err);
