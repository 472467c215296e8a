/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk uninstall: takes the driver out of kubelet's plugin directory. */

#include "cleanup.h"
#include "commands.h"
#include "plugin_dir.h"
#include "staged.h"
#include "versions.h"

#include <errno.h>
#include <stdio.h>

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	static const struct option options[] = { PLUGIN_DIR_OPTIONS, COMMON_OPTIONS };
	struct plugin_dir dir = { 0 };
	_cleanup_close_ int plugins = -1;
	char what[PATH_MAX];
	int c, r;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1)
		if (!plugin_dir_option(&dir, c, optarg))
			return TOOL_USAGE;
	if (argc != optind)
		return command_usage(self, err, "uninstall takes no arguments");
	plugins = plugin_dir_open(&dir, false, err);
	if (plugins == -ENOENT) {
		sd_error_clear(err);
		return TOOL_OK;
	}
	if (plugins < 0)
		return TOOL_REFUSED;
	r = staged_find(what, err);
	if (r > 0)
		sd_error_set(err, EBUSY,
		        "a volume is in use on this node (%s), and without the driver kubelet "
		        "could not unmount it: drain this node first",
		        what);
	if (r != 0)
		return TOOL_REFUSED;
	if (versions_remove(plugins, err) < 0)
		return TOOL_FAILED;
	if (tool->json) {
		sd_json *json = sd_json_object();

		(void)sd_json_set_string(json, "pluginDir", dir.path);
		return tool_print_json(json, false, err) < 0 ? TOOL_FAILED : TOOL_OK;
	}
	printf("removed from %s (%s); disks and /etc/solodisk stay as they are\n", dir.path,
	        dir.found);
	return TOOL_OK;
}

const struct command cmd_uninstall = {
	.name = "uninstall",
	.summary = "take the driver out of kubelet's plugin directory",
	.arguments = "[OPTION...]",
	.help = PLUGIN_DIR_HELP,
	.changes_disks = true,
	.run = run,
};
