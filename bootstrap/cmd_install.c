/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk install: puts a bundle's driver into kubelet's plugin directory, or goes back to the previous one. */

#include "cleanup.h"
#include "commands.h"
#include "plugin_dir.h"
#include "self.h"
#include "staged.h"
#include "tree.h"
#include "versions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct arguments {
	struct plugin_dir dir;
	const char *from;
	int attach; /* 1, 0, -1: as it is */
	bool roll_back;
};

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		PLUGIN_DIR_OPTIONS,
		{ "from", required_argument, NULL, 'f' },
		{ "attach", required_argument, NULL, 'a' },
		{ "roll-back", no_argument, NULL, 'b' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (plugin_dir_option(&arguments->dir, c, optarg))
			continue;
		if (c == 'f')
			arguments->from = optarg;
		else if (c == 'b')
			arguments->roll_back = true;
		else if (c == 'a' && strcmp(optarg, "true") == 0)
			arguments->attach = 1;
		else if (c == 'a' && strcmp(optarg, "false") == 0)
			arguments->attach = 0;
		else if (c == 'a')
			return command_usage(self, err, "--attach is true or false");
		else
			return TOOL_USAGE;
	}
	if (argc != optind)
		return command_usage(self, err, "install takes no arguments");
	if (arguments->roll_back && (arguments->from || arguments->attach >= 0))
		return command_usage(self, err, "--roll-back changes nothing else");
	return TOOL_OK;
}

/* The bundle that this very program lies in, unless another is given. */
static int open_source(const struct arguments *arguments, struct sd_error *err)
{
	char path[PATH_MAX], loader[PATH_MAX];
	size_t n;
	int fd;

	if (arguments->from) {
		(void)snprintf(path, sizeof(path), "%s", arguments->from);
	} else if (sd_self_loader(loader, sizeof(loader)) == 0) {
		n = strlen(loader) - strlen("/" SD_BUNDLE_LIBRARIES "/" SD_BUNDLE_LOADER);
		(void)snprintf(path, sizeof(path), "%.*s", (int)n, loader);
	} else {
		return sd_error_set(err, EINVAL,
		        "this solodisk is not a bundle's: give the driver/ of one with --from");
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? sd_error_errno(err, errno, "cannot open %s", path) : fd;
}

/* kubelet mounts by one mode what it unmounts by the other, so nothing may be mounted meanwhile. */
static int check_mode(int plugin_fd, int attach, struct sd_error *err)
{
	struct versions now;
	char what[PATH_MAX];
	int r;

	versions_look(plugin_fd, &now);
	if (attach < 0 || !now.installed)
		return 0;
	r = versions_attach(plugin_fd, err);
	if (r < 0 || r == attach)
		return r < 0 ? r : 0;
	r = staged_find(what, err);
	if (r <= 0)
		return r;
	return sd_error_set(err, EBUSY,
	        "the attach mode cannot be changed while a volume is in use (%s): drain this node "
	        "first",
	        what);
}

static int print(struct tool *tool, const struct arguments *arguments, const struct versions *now,
        struct sd_error *err)
{
	sd_json *json;

	if (!tool->json) {
		printf("%s %s in %s (%s)\n", arguments->roll_back ? "went back to" : "installed",
		        now->current[0] ? now->current : "an unnamed version", arguments->dir.path,
		        arguments->dir.found);
		if (now->previous[0] && strcmp(now->previous, now->current) != 0)
			printf("the previous one, %s, is kept: solodisk install --roll-back\n",
			        now->previous);
		return TOOL_OK;
	}
	json = sd_json_object();
	(void)sd_json_set_string(json, "version", now->current[0] ? now->current : NULL);
	(void)sd_json_set_string(json, "previous", now->previous[0] ? now->previous : NULL);
	(void)sd_json_set_string(json, "pluginDir", arguments->dir.path);
	(void)sd_json_set_string(json, "found", arguments->dir.found);
	return tool_print_json(json, false, err) < 0 ? TOOL_FAILED : TOOL_OK;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	struct arguments arguments = { .attach = -1 };
	_cleanup_close_ int plugins = -1, from = -1;
	struct versions now;
	int r = parse(tool, self, argc, argv, &arguments, err);

	if (r != TOOL_OK)
		return r;
	if (!arguments.roll_back && (from = open_source(&arguments, err)) < 0)
		return TOOL_REFUSED;
	plugins = plugin_dir_open(&arguments.dir, !arguments.roll_back, err);
	if (plugins < 0 || check_mode(plugins, arguments.attach, err) < 0)
		return TOOL_REFUSED;
	r = arguments.roll_back ? versions_roll_back(plugins, &now, err)
	                        : versions_install(plugins, from, arguments.attach, &now, err);
	if (r < 0)
		return r == -ENOENT && arguments.roll_back ? TOOL_REFUSED : TOOL_FAILED;
	return print(tool, &arguments, &now, err);
}

const struct command cmd_install = {
	.name = "install",
	.summary = "put the driver into kubelet's plugin directory",
	.arguments = "[OPTION...]",
	.help = PLUGIN_DIR_HELP
	"  --from DIR           the driver/ of a bundle (default: that of this solodisk)\n"
	"  --attach true|false  the driver's mode (default: as it is, at first false)\n"
	"  --roll-back          back to the version before this one\n",
	.changes_disks = true,
	.run = run,
};
