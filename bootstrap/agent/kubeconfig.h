/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where the API server is and who we are: from a kubeconfig (YAML, so JSON too; the only user of libyaml)
 * or from what every pod has. What is secret lies in protected memory.
 */

#include "error.h"
#include "key.h"

#include <sys/stat.h>

struct kubeconfig {
	char *server;     /* https://HOST[:PORT], without a slash at its end */
	char *ca_file;    /* read at every handshake; NULL: none */
	struct sd_key ca; /* or this, PEM; neither: what the system trusts */
	char *cert_file, *key_file;
	struct sd_key cert, key;       /* PEM */
	char *token_file;              /* NULL: none */
	struct sd_key token;           /* without white space around it */
	struct timespec token_changed; /* of the file that was read */
	ino_t token_inode;
};

/*
 * Reads a kubeconfig's current context. -ENOENT: no such file. -EINVAL: err names the file and what is
 * wrong, or what is refused: a server that is not asked by https (http is for loopback addresses alone),
 * a certificate that is not to be verified, proxies, programs that yield credentials, passwords,
 * impersonation.
 */
int kubeconfig_read(const char *path, struct kubeconfig *ret, struct sd_error *err);
/*
 * The service account of a pod: KUBERNETES_SERVICE_HOST and _PORT, and the files below
 * /var/run/secrets/kubernetes.io/serviceaccount. -ENOENT: this is no pod, or it has no account.
 */
int kubeconfig_of_pod(struct kubeconfig *ret, struct sd_error *err);
void kubeconfig_free(struct kubeconfig *config); /* may be called twice */

/*
 * Reads the token again if its file is another one than before, or was changed: kubelet puts a new
 * one there long before the old one ends. Returns 1 if there is a new one, 0 if not (also without a
 * file), or an error; the old one stays then.
 */
int kubeconfig_refresh(struct kubeconfig *config, struct sd_error *err);
