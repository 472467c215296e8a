/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cluster.h"
#include "agent/api.h"

#include <errno.h>
#include <string.h>

#define PATIENCE_MS 10000

struct question {
	struct api *api;
	uv_timer_t patience;
	sd_json *answer;
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

static void on_answer(void *data, const struct api_answer *answer)
{
	struct question *question = data;

	if (answer->err.code)
		*question->err = answer->err;
	else
		question->answer = sd_json_again(answer->body);
	end(question, -answer->err.code);
}

int cluster_get(const char *kubeconfig, const char *path, sd_json **ret, struct sd_error *err)
{
	struct question question = { .err = err };
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
		r = api_send(question.api, API_GET, path, NULL, on_answer, &question, NULL, err);
		if (r < 0)
			end(&question, r);
		(void)uv_run(&loop, UV_RUN_DEFAULT);
		r = question.r;
	}
	(void)uv_loop_close(&loop);
	if (r == 0)
		*ret = question.answer;
	return r;
}

int cluster_is_node_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 253 &&
	        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len && name[0] != '.';
}
