/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "status.h"
#include "agent/api.h"
#include "cleanup.h"
#include "pv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_MS 10000

struct question {
	struct api *api;
	uv_timer_t patience;
	struct pvs *pvs;
	struct sd_error *err;
	int r;
	bool is_over;
};

/* r: the answer to it all, with err set if it is less than 0. */
static void end(struct question *question, int r)
{
	if (question->is_over)
		return;
	question->is_over = true;
	question->r = r;
	api_close(question->api);
	uv_close((uv_handle_t *)&question->patience, NULL);
}

static void on_patience(uv_timer_t *patience)
{
	struct question *question = patience->data;

	end(question,
	        sd_error_set(question->err, ETIMEDOUT,
	                "the API server did not answer within %d seconds", PATIENCE_MS / 1000));
}

static void on_pvs(void *data, const struct api_answer *answer)
{
	const sd_json *items = sd_json_get(answer->body, "items");
	struct question *question = data;
	bool changed;
	int r = 0;

	if (answer->err.code) {
		*question->err = answer->err;
		r = -answer->err.code;
	}
	for (size_t i = 0; r == 0 && i < sd_json_size(items); i++)
		r = pvs_put(question->pvs, sd_json_at(items, i), &changed, question->err);
	end(question, r);
}

static int ask_for_pvs(struct question *question, const char *hostname)
{
	char path[512];

	if (snprintf(path, sizeof(path),
	            "/api/v1/persistentvolumes?labelSelector=" PV_NODE_LABEL "%%3D%s",
	            hostname) >= (int)sizeof(path))
		return sd_error_set(question->err, EINVAL, "the Node's host name is too long");
	return api_send(question->api, API_GET, path, NULL, on_pvs, question, NULL, question->err);
}

/* PersistentVolumes are bound to a Node by its label, not by its name. */
static void on_node(void *data, const struct api_answer *answer)
{
	const sd_json *labels = sd_json_get(sd_json_get(answer->body, "metadata"), "labels");
	const char *hostname = sd_json_as_string(sd_json_get(labels, "kubernetes.io/hostname"));
	struct question *question = data;
	int r;

	if (answer->err.code) {
		*question->err = answer->err;
		end(question, -answer->err.code);
		return;
	}
	r = hostname ? ask_for_pvs(question, hostname)
	             : sd_error_set(question->err, EINVAL,
	                       "the Node has no label kubernetes.io/hostname");
	if (r < 0)
		end(question, r);
}

int status_ask(const char *kubeconfig, const char *node, struct pvs *ret, struct sd_error *err)
{
	struct question question = { .pvs = ret, .err = err };
	char path[300];
	uv_loop_t loop;
	int r;

	r = uv_loop_init(&loop);
	if (r < 0)
		return sd_error_errno(err, -r, "cannot make an event loop");
	r = api_open(&loop, kubeconfig, &question.api, err);
	if (r == 0) {
		(void)uv_timer_init(&loop, &question.patience);
		question.patience.data = &question;
		(void)uv_timer_start(&question.patience, on_patience, PATIENCE_MS, 0);
		(void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", node);
		r = api_send(question.api, API_GET, path, NULL, on_node, &question, NULL, err);
		if (r < 0)
			end(&question, r);
		(void)uv_run(&loop, UV_RUN_DEFAULT);
		r = question.r;
	}
	(void)uv_loop_close(&loop);
	return r;
}
