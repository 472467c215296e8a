/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk agent: from a disk in a slot to a bound PersistentVolume, and back. */

#include "agent/agent.h"
#include "cleanup.h"
#include "cluster.h"
#include "commands.h"
#include "node_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
	struct agent_options agent;
	const char *check_config;
	bool probe;
};

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "kubeconfig", required_argument, NULL, 'k' },
		{ "node-name", required_argument, NULL, 'n' },
		{ "listen", required_argument, NULL, 'l' },
		{ "check-config", required_argument, NULL, 'C' },
		{ "probe", no_argument, NULL, 'p' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		switch (c) {
		case 'c':
			arguments->agent.config = optarg;
			break;
		case 'k':
			arguments->agent.kubeconfig = optarg;
			break;
		case 'n':
			arguments->agent.node = optarg;
			break;
		case 'l':
			arguments->agent.listen = optarg;
			break;
		case 'C':
			arguments->check_config = optarg;
			break;
		case 'p':
			arguments->probe = true;
			break;
		default:
			return TOOL_USAGE;
		}
	}
	if (optind < argc)
		return command_usage(self, err, "agent takes no argument");
	return TOOL_OK;
}

static int check_config(const struct tool *tool, const char *path, struct sd_error *err)
{
	_cleanup_node_config_ struct node_config config = { 0 };
	sd_json *json;

	if (node_config_read(path, &config, err) < 0)
		return TOOL_REFUSED;
	if (!tool->json) {
		printf("%s: good; pools: %zu, directories: %zu\n", path, config.n_pools,
		        config.n_directories);
		return TOOL_OK;
	}
	json = sd_json_object();
	if (!json) {
		sd_error_set(err, ENOMEM, "out of memory");
		return TOOL_FAILED;
	}
	(void)sd_json_set_string(json, "config", path);
	(void)sd_json_set_int(json, "pools", (int64_t)config.n_pools);
	(void)sd_json_set_int(json, "directories", (int64_t)config.n_directories);
	return tool_print_json(json, false, err) < 0 ? TOOL_FAILED : TOOL_OK;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	struct arguments arguments = { .agent.listen = SERVER_ADDRESS };
	int code;

	arguments.agent.node = getenv("NODE_NAME");
	code = parse(tool, self, argc, argv, &arguments, err);
	if (code != TOOL_OK)
		return code;
	if (arguments.check_config)
		return check_config(tool, arguments.check_config, err);
	if (arguments.probe)
		return server_probe(arguments.agent.listen, err) < 0 ? TOOL_FAILED : TOOL_OK;
	if (!arguments.agent.node || !cluster_is_node_name(arguments.agent.node))
		return command_usage(self, err,
		        "which node is this? --node-name NAME, or NODE_NAME in the environment");
	return agent_run(&arguments.agent, err) < 0 ? TOOL_REFUSED : TOOL_OK;
}

const struct command cmd_agent = {
	.name = "agent",
	.summary = "Publish this node's volumes to Kubernetes, and clean the released ones",
	.arguments = "[OPTION...]",
	.help = "  --config FILE            default: " NODE_CONFIG_PATH "\n"
	        "  --kubeconfig FILE        default: the credentials of the pod's service account\n"
	        "  --node-name NAME         of the Node; default: NODE_NAME in the environment\n"
	        "  --listen ADDRESS:PORT    of metrics and health; default: " SERVER_ADDRESS "\n"
	        "  --check-config FILE      check a configuration, and do nothing else\n"
	        "  --probe                  exit with 0 if an agent answers there and is well\n",
	.changes_disks = true,
	.run = run,
};
