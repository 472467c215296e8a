/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "document.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int parse(struct document *document, struct sd_error *err)
{
	int r = sd_json_parse(document->text, document->len, &document->json, err);

	return r < 0 ? sd_error_wrap(err, "%s", document->name) : 0;
}

static int check_owner(int fd, const char *path, struct sd_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot look at %s", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
		return sd_error_set(err, EPERM,
		        "others than root may write to %s, which says what happens to disks; make it "
		        "root's, mode 0644",
		        path);
	return 0;
}

int document_read(const char *path, struct document *ret, struct sd_error *err)
{
	_cleanup_document_ struct document document = { 0 };
	_cleanup_close_ int fd = -1;
	int r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", path);
	r = check_owner(fd, path, err);
	if (r == 0)
		r = sd_json_read_text(fd, path, &document.text, &document.len, err);
	if (r < 0)
		return r;
	document.name = strdup(path);
	if (!document.name)
		return sd_error_set(err, ENOMEM, "out of memory");
	r = parse(&document, err);
	if (r < 0)
		return r;
	*ret = document;
	document = (struct document){ 0 };
	return 0;
}

int document_parse(
        const char *name, const char *text, size_t len, struct document *ret, struct sd_error *err)
{
	_cleanup_document_ struct document document = { .len = len };
	int r;

	document.name = strdup(name);
	document.text = malloc(len + 1);
	if (!document.name || !document.text)
		return sd_error_set(err, ENOMEM, "out of memory");
	memcpy(document.text, text, len);
	document.text[len] = '\0';
	r = parse(&document, err);
	if (r < 0)
		return r;
	*ret = document;
	document = (struct document){ 0 };
	return 0;
}

void document_free(struct document *document)
{
	free(document->name);
	free(document->text);
	sd_json_free(document->json);
	*document = (struct document){ 0 };
}
