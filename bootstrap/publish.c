/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "publish.h"
#include "cleanup.h"
#include "filesystem.h"
#include "key_spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

bool publish_option(struct publish *publish, int c, const char *value)
{
	switch (c) {
	case 'c':
		publish->storage_class = value;
		return true;
	case 'n':
		publish->node = value;
		return true;
	case 'C':
		publish->claim = value;
		return true;
	case 's':
		publish->secret = value;
		return true;
	case 'k':
		publish->key = value;
		return true;
	case 'f':
		publish->filesystem = value;
		return true;
	default:
		return false;
	}
}

/* "NAMESPACE/NAME", each in the letters that Kubernetes allows for names. */
static bool is_qualified_name(const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	size_t n = strspn(word, letters);

	return n > 0 && word[n] == '/' && word[n + 1] &&
	        word[n + 1 + strspn(word + n + 1, letters)] == '\0';
}

int publish_check(const struct command *self, const struct publish *publish, struct sd_error *err)
{
	_cleanup_key_spec_ struct sd_key_spec key = { 0 };

	if (publish->filesystem && !sd_filesystem_is_known(publish->filesystem))
		return command_usage(self, err, "there is no filesystem \"%s\", only xfs and ext4",
		        publish->filesystem);
	if (publish->key && sd_key_spec_parse(publish->key, &key, err) < 0)
		return command_usage(self, err,
		        "--key is secret:KEY, file:NAME, token, or both:A,B with two of these");
	if (publish->secret && !is_qualified_name(publish->secret))
		return command_usage(self, err, "--secret is NAMESPACE/NAME");
	if (sd_key_spec_has(&key, SD_KEY_SECRET) != (publish->secret != NULL))
		return command_usage(
		        self, err, "--key secret:KEY and --secret NAMESPACE/NAME go together");
	if (publish->claim && !is_qualified_name(publish->claim))
		return command_usage(self, err, "--claim is NAMESPACE/NAME");
	return TOOL_OK;
}

int publish_check_volume(const struct publish *publish, const struct pv *pv, struct sd_error *err)
{
	if (pv->luks && !publish->key)
		return sd_error_set(err, EINVAL,
		        "volume %s is encrypted: where will its key come from? --key secret:KEY with "
		        "--secret NAMESPACE/NAME, --key file:NAME, or --key token",
		        pv->id);
	if (!pv->luks && publish->key)
		return sd_error_set(
		        err, EINVAL, "volume %s is not encrypted, it takes no key", pv->id);
	if (publish->filesystem && pv->fs_type && strcmp(publish->filesystem, pv->fs_type) != 0)
		return sd_error_set(err, EINVAL, "volume %s holds %s, not %s", pv->id, pv->fs_type,
		        publish->filesystem);
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

/* *ret_namespace is the caller's, *ret_name lies in word. */
static int split(
        const char *word, char **ret_namespace, const char **ret_name, struct sd_error *err)
{
	size_t n;

	if (!word)
		return 0;
	n = strcspn(word, "/");
	*ret_namespace = strndup(word, n);
	if (!*ret_namespace)
		return sd_error_set(err, ENOMEM, "out of memory");
	*ret_name = word + n + 1;
	return 0;
}

int publish_print(const struct publish *publish, const struct pv *volume, struct sd_error *err)
{
	_cleanup_free_ char *secret_namespace = NULL, *claim_namespace = NULL;
	struct pv pv = *volume;
	char node[256];
	sd_json *json;
	int r;

	pv.key = publish->key;
	pv.node = publish->node ? publish->node : node;
	pv.storage_class = publish->storage_class ? publish->storage_class : "solodisk";
	if (!pv.fs_type)
		pv.fs_type = publish->filesystem;
	r = split(publish->secret, &secret_namespace, &pv.secret_name, err);
	if (r == 0)
		r = split(publish->claim, &claim_namespace, &pv.claim_name, err);
	if (r == 0)
		r = host_name(node, sizeof(node), err);
	pv.secret_namespace = secret_namespace;
	pv.claim_namespace = claim_namespace;
	if (r == 0)
		r = pv_make(&pv, &json, err);
	return r == 0 ? tool_print_json(json, true, err) : r;
}
