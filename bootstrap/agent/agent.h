/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The agent of a node: one event loop that never touches a disk itself. What reads or writes disks, or
 * calls a library that knows no threads, is a child (children.h). All that it does follows from what is
 * there now (configuration, disks, PersistentVolumes), never from what it remembers.
 */

#include "api.h"
#include "children.h"
#include "error.h"
#include "memory.h"
#include "metrics.h"
#include "node_config.h"
#include "pvs.h"
#include "report.h"
#include "server.h"
#include "settings.h"

#include <stdbool.h>
#include <uv.h>

struct agent_options {
	const char *config;     /* NULL: NODE_CONFIG_PATH */
	const char *kubeconfig; /* NULL: the service account's */
	const char *node;       /* the Node's name */
	const char *listen;     /* ADDRESS:PORT of metrics and health */
};

/* The Node object, as it was when the agent began. */
struct agent_node {
	bool is_known; /* the two below are there */
	char *name;    /* its name */
	char *uid;
	char *hostname; /* its label kubernetes.io/hostname, by which PersistentVolumes are bound to it */
};

struct agent;

/* What publishes PersistentVolumes: the disks, the directories. A row in agent.c makes it part of the agent. */
struct source {
	const char *name;
	/* Once, when the loop does not run yet; it keeps its state in the agent (below). */
	int (*start)(struct agent *agent, struct sd_error *err);
	/*
	 * Looks at everything, and does what is to be done. Called soon after agent_wake(), and not before
	 * configuration, Node and PersistentVolumes are known. It is called far too often, not too seldom.
	 */
	void (*reconcile)(struct agent *agent);
	/* A PersistentVolume of this node changed, or went (pv->phase PV_GONE); reconcile follows. */
	void (*pv_changed)(struct agent *agent, const struct pv_view *pv);
	/* Sets the gauges that follow from what is there now; NULL: there are none. */
	void (*measure)(struct agent *agent);
	void (*stop)(struct agent *agent); /* closes its handles; NULL state is fine */
	void (*free)(struct agent *agent); /* when the loop is over; the same */
};

struct agent {
	uv_loop_t loop;
	const struct agent_options *options;
	struct settings settings; /* settings.config is in force; it may change between two calls */
	struct api *api;
	struct agent_node node;
	struct pvs pvs; /* of this node, whoever published them with our label */
	struct report report;
	struct children children;
	struct metrics *metrics;
	struct memory memory;
	bool is_stopping;

	/* The sources' own. */
	struct disks *disks;
	struct directories *directories;

	/* agent.c's. */
	struct api_watch *watch;
	struct server *server;
	uv_timer_t wake, retry_node;
	uv_signal_t signals[3];
	bool api_fails;   /* the watch says so */
	uint64_t stopped; /* when it was told to: uv_now() */
	struct conditions conditions;
};

/* Runs until SIGTERM or SIGINT. An error before the loop runs is returned. */
int agent_run(const struct agent_options *options, struct sd_error *err);

/* Lets every source look at everything, soon: any number of calls before that is one. */
void agent_wake(struct agent *agent);
/* The same, in so many milliseconds at the latest. */
void agent_wake_in(struct agent *agent, uint64_t ms);
