/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "metrics.h"
#include "cleanup.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum kind { GAUGE, COUNTER, HISTOGRAM };

static const struct family {
	const char *name, *help;
	enum kind kind;
	const char *labels[2];
	double bounds[10]; /* of a histogram, seconds */
} families[] = {
	[METRIC_DISKS] = { "solodisk_disks", "Disks of this node, by state and pool.", GAUGE,
	        { "state", "pool" }, { 0 } },
	[METRIC_CAPACITY] = { "solodisk_capacity_bytes", "Bytes of the volumes of a pool.", GAUGE,
	        { "pool", NULL }, { 0 } },
	[METRIC_ERASE_PROGRESS] = { "solodisk_erase_progress_ratio",
	        "How much of a volume is erased, from 0 to 1, while it is.", GAUGE,
	        { "volume", NULL }, { 0 } },
	[METRIC_ERASE_SECONDS] = { "solodisk_erase_duration_seconds",
	        "How long it took to erase a volume and prepare it again.", HISTOGRAM,
	        { NULL, NULL }, { 1, 5, 15, 60, 300, 900, 3600, 14400, 43200, 86400 } },
	[METRIC_PREPARE_FAILURES] = { "solodisk_prepare_failures_total",
	        "Disks that could not be prepared.", COUNTER, { "pool", NULL }, { 0 } },
	[METRIC_ERASE_FAILURES] = { "solodisk_erase_failures_total",
	        "Volumes that could not be erased.", COUNTER, { "pool", NULL }, { 0 } },
	[METRIC_RECONCILE_SECONDS] = { "solodisk_reconcile_duration_seconds",
	        "How long one look at everything took.", HISTOGRAM, { NULL, NULL },
	        { 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5 } },
	[METRIC_CONFIG_OK] = { "solodisk_config_valid",
	        "1, or 0: the newest configuration was refused, an older one is in force.", GAUGE,
	        { NULL, NULL }, { 0 } },
	[METRIC_LAST_SCAN] = { "solodisk_last_scan_timestamp_seconds",
	        "When all disks were looked at last.", GAUGE, { NULL, NULL }, { 0 } },
	[METRIC_DIRECTORY_ENTRIES] = { "solodisk_directory_entries",
	        "What is in the directories: good, refused, silent, or being cleaned.", GAUGE,
	        { "directory", "state" }, { 0 } },
	[METRIC_DIRECTORY_CHANGES] = { "solodisk_directory_changes_total",
	        "PersistentVolumes of directories, by what was done about them.", COUNTER,
	        { "change", NULL }, { 0 } },
};

struct sample {
	struct sample *next;
	enum metric metric;
	double value;
	struct timespec set; /* CLOCK_BOOTTIME */
	char *a, *b;
};

struct histogram {
	uint64_t
	        counts[SD_ARRAY_SIZE(families[0].bounds)]; /* up to this bound, not in one before */
	uint64_t n;
	double sum;
};

struct metrics {
	struct sample *samples;
	struct histogram histograms[N_METRICS];
};

static void free_sample(struct sample *sample)
{
	free(sample->a);
	free(sample->b);
	free(sample);
}

struct metrics *metrics_new(void)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	for (size_t i = 0; metrics && i < N_METRICS; i++)
		if (families[i].kind != HISTOGRAM && !families[i].labels[0])
			metrics_set(metrics, (enum metric)i, "", "", 0);
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	while (metrics->samples) {
		struct sample *next = metrics->samples->next;

		free_sample(metrics->samples);
		metrics->samples = next;
	}
	free(metrics);
}

/* The sample with these labels, made if it is new; NULL without memory. New ones come last. */
static struct sample *find(
        struct metrics *metrics, enum metric metric, const char *a, const char *b)
{
	struct sample **place = &metrics->samples, *sample;

	for (; *place; place = &(*place)->next)
		if ((*place)->metric == metric && strcmp((*place)->a, a) == 0 &&
		        strcmp((*place)->b, b) == 0)
			return *place;
	sample = calloc(1, sizeof(*sample));
	if (!sample)
		return NULL;
	sample->metric = metric;
	sample->a = strdup(a);
	sample->b = strdup(b);
	if (!sample->a || !sample->b) {
		free_sample(sample);
		return NULL;
	}
	*place = sample;
	return sample;
}

void metrics_set(
        struct metrics *metrics, enum metric metric, const char *a, const char *b, double value)
{
	struct sample *sample = find(metrics, metric, a, b);

	if (!sample)
		return;
	sample->value = value;
	(void)clock_gettime(CLOCK_BOOTTIME, &sample->set);
}

double metrics_age(const struct metrics *metrics, enum metric metric)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	for (const struct sample *sample = metrics->samples; sample; sample = sample->next)
		if (sample->metric == metric)
			return (double)(now.tv_sec - sample->set.tv_sec) +
			        (double)(now.tv_nsec - sample->set.tv_nsec) / 1e9;
	return 0;
}

void metrics_add(
        struct metrics *metrics, enum metric metric, const char *a, const char *b, double value)
{
	struct sample *sample = find(metrics, metric, a, b);

	if (sample)
		sample->value += value;
}

void metrics_observe(struct metrics *metrics, enum metric metric, double seconds)
{
	struct histogram *histogram = &metrics->histograms[metric];

	for (size_t i = 0; i < SD_ARRAY_SIZE(histogram->counts); i++) {
		if (seconds <= families[metric].bounds[i]) {
			histogram->counts[i]++;
			break;
		}
	}
	histogram->n++;
	histogram->sum += seconds;
}

void metrics_clear(struct metrics *metrics, enum metric metric)
{
	struct sample **place = &metrics->samples;

	while (*place) {
		struct sample *sample = *place;

		if (sample->metric != metric) {
			place = &sample->next;
			continue;
		}
		*place = sample->next;
		free_sample(sample);
	}
}

static void write_value(FILE *f, double value)
{
	fprintf(f, " %.15g\n", value);
}

/* The format escapes these three, and no others. */
static void write_label(FILE *f, const char *name, const char *value, bool is_first)
{
	fprintf(f, "%c%s=\"", is_first ? '{' : ',', name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", f);
		else if (*value == '"' || *value == '\\')
			fprintf(f, "\\%c", *value);
		else
			fputc(*value, f);
	}
	fputc('"', f);
}

static void write_samples(FILE *f, const struct metrics *metrics, enum metric metric)
{
	const struct family *family = &families[metric];

	for (const struct sample *sample = metrics->samples; sample; sample = sample->next) {
		if (sample->metric != metric)
			continue;
		fputs(family->name, f);
		if (family->labels[0])
			write_label(f, family->labels[0], sample->a, true);
		if (family->labels[1])
			write_label(f, family->labels[1], sample->b, false);
		if (family->labels[0])
			fputc('}', f);
		write_value(f, sample->value);
	}
}

static void write_histogram(FILE *f, const struct family *family, const struct histogram *histogram)
{
	uint64_t n = 0;

	for (size_t i = 0; i < SD_ARRAY_SIZE(histogram->counts); i++) {
		n += histogram->counts[i];
		fprintf(f, "%s_bucket{le=\"%g\"} %llu\n", family->name, family->bounds[i],
		        (unsigned long long)n);
	}
	fprintf(f, "%s_bucket{le=\"+Inf\"} %llu\n", family->name, (unsigned long long)histogram->n);
	fprintf(f, "%s_sum", family->name);
	write_value(f, histogram->sum);
	fprintf(f, "%s_count %llu\n", family->name, (unsigned long long)histogram->n);
}

static void write_head(FILE *f, const char *name, const char *help, const char *type)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

#define REQUESTS "solodisk_api_requests_total"

/* code 0: no whole answer came. */
static void write_request(void *data, const char *verb, int status, uint64_t n)
{
	fprintf(data, REQUESTS "{verb=\"%s\",code=\"%d\"} %llu\n", verb, status,
	        (unsigned long long)n);
}

static void write_all(FILE *f, const struct metrics *metrics, const struct api *api)
{
	static const char *const types[] = {
		[GAUGE] = "gauge", [COUNTER] = "counter", [HISTOGRAM] = "histogram"
	};

	write_head(f, "solodisk_build_info", "The version that runs.", "gauge");
	fprintf(f, "solodisk_build_info{version=\"%s\"} 1\n", SD_VERSION);
	for (size_t i = 0; i < N_METRICS; i++) {
		write_head(f, families[i].name, families[i].help, types[families[i].kind]);
		if (families[i].kind == HISTOGRAM)
			write_histogram(f, &families[i], &metrics->histograms[i]);
		else
			write_samples(f, metrics, (enum metric)i);
	}
	write_head(f, REQUESTS,
	        "Requests to the API server, by verb and status; 0: no whole answer came.",
	        "counter");
	if (api)
		api_count(api, write_request, f);
}

char *metrics_text(const struct metrics *metrics, const struct api *api)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool failed;

	if (!f)
		return NULL;
	write_all(f, metrics, api);
	failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
