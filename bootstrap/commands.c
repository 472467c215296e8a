/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "commands.h"
#include "cleanup.h"
#include "root.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
	&cmd_list,
	&cmd_show,
	&cmd_plan,
	&cmd_apply,
	&cmd_prepare,
	&cmd_erase,
	&cmd_release,
	&cmd_rotate,
	&cmd_reencrypt,
	&cmd_header,
	&cmd_pv,
	&cmd_adopt,
	&cmd_grow,
	&cmd_install,
	&cmd_uninstall,
	&cmd_doctor,
	&cmd_agent,
	&cmd_status,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

void command_list(void)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(commands); i++)
		printf("  %-9s %s\n", commands[i]->name, commands[i]->summary);
}

void command_help(const struct command *command)
{
	printf("Usage: solodisk %s %s\n\n%s.\n\nOptions:\n%s"
	       "  --json               answer in JSON, errors too\n"
	       "  -h, --help           show this and exit\n"
	       "\nsolodisk(8) tells more.\n",
	        command->name, command->arguments, command->summary, command->help);
}

static int bad_option(
        const struct command *self, int c, int argc, char **argv, struct sd_error *err)
{
	/* optopt is 0 for a long option that does not exist; then the word itself is named. */
	const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";

	if (c == ':')
		(void)command_usage(self, err, "%s needs an argument", word);
	else if (optopt && strncmp(word, "--", 2) != 0)
		(void)command_usage(self, err, "there is no option -%c", optopt);
	else
		(void)command_usage(self, err, "%s is no option here", word);
	return '?';
}

void command_common_option(struct tool *tool, int c)
{
	switch (c) {
	case 'J':
		tool->json = true;
		break;
	case 'S':
		tool->sysroot = *optarg != '\0';
		sd_root_set(optarg);
		break;
	default:
		printf("solodisk %s\n", SD_VERSION);
		exit(fflush(stdout) == 0 ? TOOL_OK : TOOL_FAILED);
	}
}

int command_getopt(struct tool *tool, const struct command *self, int argc, char **argv,
        const struct option *options, struct sd_error *err)
{
	for (;;) {
		int c = getopt_long(argc, argv, ":hV", options, NULL);

		switch (c) {
		case 'J':
		case 'S':
		case 'V':
			command_common_option(tool, c);
			break;
		case 'h':
			command_help(self);
			exit(fflush(stdout) == 0 ? TOOL_OK : TOOL_FAILED);
		case ':':
		case '?':
			return bad_option(self, c, argc, argv, err);
		case -1:
			if (!tool->sysroot || !self->changes_disks)
				return -1;
			(void)command_usage(
			        self, err, "a recorded tree (--sysroot) is only for looking");
			return '?';
		default:
			return c;
		}
	}
}

int command_usage(const struct command *self, struct sd_error *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sd_error_set(err, EINVAL, "%s (see \"solodisk %s --help\")", text, self->name);
	return TOOL_USAGE;
}

int tool_exit_code(const struct sd_error *err)
{
	switch (err->code) {
	case 0:
		return TOOL_OK;
	case ENODEV:
		return TOOL_NOT_FOUND;
	default:
		return TOOL_REFUSED;
	}
}

void tool_error(
        const struct tool *tool, const char *disk, int exit_code, const struct sd_error *err)
{
	sd_json *json;

	if (!tool->json) {
		(void)fflush(stdout);
		if (disk)
			fprintf(stderr, "solodisk: %s: %s\n", disk, err->text);
		else
			fprintf(stderr, "solodisk: %s\n", err->text);
		return;
	}
	json = sd_json_object();
	if (!json)
		return;
	(void)sd_json_set_string(json, "event", "error");
	(void)sd_json_set_string(json, "disk", disk);
	(void)sd_json_set_int(json, "exit", exit_code);
	(void)sd_json_set_string(json, "error", err->text);
	(void)tool_print_json(json, false, NULL);
}

int tool_print_json(sd_json *json, bool pretty, struct sd_error *err)
{
	_cleanup_free_ char *text = pretty ? sd_json_pretty(json) : sd_json_line(json);

	sd_json_free(json);
	if (!text)
		return sd_error_set(err, ENOMEM, "out of memory");
	if (printf("%s\n", text) < 0 || fflush(stdout) != 0)
		return sd_error_errno(err, errno, "cannot write the answer");
	return 0;
}
