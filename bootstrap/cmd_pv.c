/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk pv: prints the PersistentVolume for a volume. */

#include "cleanup.h"
#include "commands.h"
#include "filesystem.h"
#include "key_spec.h"
#include "pv.h"
#include "survey.h"
#include "which.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define LUKS_HEADER (16ull << 20) /* LUKS2's data offset, see sd_crypt_format() */

struct arguments {
	const char *node, *storage_class, *reclaim, *filesystem, *key;
	const char *secret; /* NAMESPACE/NAME */
	bool adopt;
};

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		{ "storage-class", required_argument, NULL, 'c' },
		{ "node", required_argument, NULL, 'n' },
		{ "secret", required_argument, NULL, 's' },
		{ "key", required_argument, NULL, 'k' },
		{ "reclaim", required_argument, NULL, 'r' },
		{ "filesystem", required_argument, NULL, 'f' },
		{ "adopt", no_argument, NULL, 'a' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		switch (c) {
		case 'c':
			arguments->storage_class = optarg;
			break;
		case 'n':
			arguments->node = optarg;
			break;
		case 's':
			arguments->secret = optarg;
			break;
		case 'k':
			arguments->key = optarg;
			break;
		case 'r':
			arguments->reclaim = optarg;
			break;
		case 'f':
			arguments->filesystem = optarg;
			break;
		case 'a':
			arguments->adopt = true;
			break;
		default:
			return TOOL_USAGE;
		}
	}
	return TOOL_OK;
}

static int check(const struct command *self, const struct arguments *arguments, int n_words,
        struct sd_error *err)
{
	_cleanup_key_spec_ struct sd_key_spec key = { 0 };
	const char *slash;

	if (n_words != 1)
		return command_usage(self, err, "pv takes one disk or volume");
	if (strcmp(arguments->reclaim, "Retain") != 0 && strcmp(arguments->reclaim, "Delete") != 0)
		return command_usage(self, err, "--reclaim is Retain or Delete");
	if (arguments->filesystem && !sd_filesystem_is_known(arguments->filesystem))
		return command_usage(self, err, "there is no filesystem \"%s\", only xfs and ext4",
		        arguments->filesystem);
	if (arguments->key && sd_key_spec_parse(arguments->key, &key, err) < 0)
		return command_usage(self, err,
		        "--key is secret:KEY, file:NAME, token, or both:A,B with two of these");
	slash = arguments->secret ? strchr(arguments->secret, '/') : NULL;
	if (arguments->secret && (!slash || slash == arguments->secret || !slash[1]))
		return command_usage(self, err, "--secret is NAMESPACE/NAME");
	if (sd_key_spec_has(&key, SD_KEY_SECRET) != (arguments->secret != NULL))
		return command_usage(
		        self, err, "--key secret:KEY and --secret NAMESPACE/NAME go together");
	return TOOL_OK;
}

static int check_volume(
        const struct survey *survey, const struct arguments *arguments, struct sd_error *err)
{
	if (survey->kind != SURVEY_OURS)
		return sd_error_set(err, EINVAL, "%s carries no volume that can be published: %s",
		        survey->disk.name, survey->note);
	if (survey->mark.state == SD_STATE_USED && !arguments->adopt)
		return sd_error_set(err, EPERM,
		        "volume %s has a tenant's data, which whoever claims the PersistentVolume "
		        "will get; erase it, or say --adopt",
		        survey->mark.id);
	if (survey->mark.state != SD_STATE_READY && survey->mark.state != SD_STATE_USED)
		return sd_error_set(err, EPERM, "volume %s is in state %s", survey->mark.id,
		        sd_state_name(survey->mark.state));
	if (!survey->content.type[0])
		return sd_error_set(
		        err, EIO, "what volume %s holds could not be told", survey->mark.id);
	if (survey->luks && !arguments->key)
		return sd_error_set(err, EINVAL,
		        "volume %s is encrypted: where will its key come from? --key secret:KEY with "
		        "--secret NAMESPACE/NAME, --key file:NAME, or --key token",
		        survey->mark.id);
	if (!survey->luks && arguments->key)
		return sd_error_set(err, EINVAL, "volume %s is not encrypted, it takes no key",
		        survey->mark.id);
	if (arguments->filesystem && survey->filesystem[0] &&
	        strcmp(arguments->filesystem, survey->filesystem) != 0)
		return sd_error_set(err, EINVAL, "volume %s holds %s, not %s", survey->mark.id,
		        survey->filesystem, arguments->filesystem);
	return 0;
}

/* kubelet labels a node with its host name in lower case (pkg/util/node, GetHostname). */
static int host_name(char *ret, size_t size, struct sd_error *err)
{
	struct utsname name;

	if (uname(&name) < 0)
		return sd_error_errno(err, errno, "cannot tell this node's name, give --node");
	(void)snprintf(ret, size, "%s", name.nodename);
	for (char *p = ret; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

static int print(
        const struct survey *survey, const struct arguments *arguments, struct sd_error *err)
{
	_cleanup_free_ char *namespace = NULL;
	char node[256];
	struct pv pv = {
		.id = survey->mark.id,
		.capacity = survey->mark.size - (survey->luks ? LUKS_HEADER : 0),
		.wwid = survey->disk.wwid[0] ? survey->disk.wwid : NULL,
		.fs_type = survey->filesystem[0] ? survey->filesystem : arguments->filesystem,
		.luks = survey->luks,
		.key = arguments->key,
		.node = arguments->node ? arguments->node : node,
		.storage_class = arguments->storage_class,
		.reclaim = arguments->reclaim,
	};
	sd_json *json;
	int r;

	if (arguments->secret) {
		size_t length = strcspn(arguments->secret, "/");

		namespace = strndup(arguments->secret, length);
		if (!namespace)
			return sd_error_set(err, ENOMEM, "out of memory");
		pv.secret_namespace = namespace;
		pv.secret_name = arguments->secret + length + 1;
	}
	r = host_name(node, sizeof(node), err);
	if (r == 0)
		r = pv_make(&pv, &json, err);
	return r == 0 ? tool_print_json(json, true, err) : r;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	_cleanup_survey_ struct survey survey = { 0 };
	struct arguments arguments = { .storage_class = "solodisk", .reclaim = "Retain" };
	struct sd_disk disk;
	int code, r;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code == TOOL_OK)
		code = check(self, &arguments, argc - optind, err);
	if (code != TOOL_OK)
		return code;
	r = which_disk(argv[optind], &disk, err);
	if (r == 0) {
		survey_disk(&disk, &survey);
		r = check_volume(&survey, &arguments, err);
	}
	if (r == 0)
		r = print(&survey, &arguments, err);
	return r == 0 ? TOOL_OK : tool_exit_code(err);
}

const struct command cmd_pv = {
	.name = "pv",
	.summary = "Print the PersistentVolume for a volume, as kubectl takes it",
	.arguments = "[OPTION...] DISK|VOLUME",
	.help = "  --storage-class NAME  default: solodisk\n"
	        "  --node HOSTNAME       the node's kubernetes.io/hostname; default: this host's\n"
	        "  --key secret:KEY      encrypted: the key is in a Secret, which --secret names\n"
	        "  --secret NS/NAME      the Secret, of type solodisk/disk\n"
	        "  --key file:NAME       encrypted: the key is the node's /etc/solodisk/keys/NAME\n"
	        "  --key token           encrypted: a LUKS2 token of the volume gives the key\n"
	        "  --key both:A,B        encrypted: two of these together\n"
	        "  --filesystem TYPE     of an encrypted volume that is closed; default: any\n"
	        "  --reclaim POLICY      Retain (default) or Delete\n"
	        "  --adopt               also a volume that has a tenant's data\n",
	.run = run,
};
