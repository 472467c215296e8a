/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#define JSON_FILE_MAX (1 << 20)
#define JSON_DEPTH_MAX 64

/* Secrets pass through jansson's memory, so what it frees is wiped. */
static void wiping_free(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void sd_json_init(void)
{
	json_set_alloc_funcs(malloc, wiping_free);
}

/*
 * jansson refuses nesting only at 2048, and by then the document has been walked that deep; nobody
 * who means well nests options at all. Brackets inside strings do not count.
 */
static bool is_too_deep(const char *text, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		} else if (text[i] == '"') {
			in_string = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if (text[i] == '}' || text[i] == ']') {
			depth--;
		}
	}
	return false;
}

/* jansson's own text quotes the input near the fault, which may be a secret: only its code is used. */
static const char *fault(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_premature_end_of_input:
		return "it ends too early";
	case json_error_end_of_input_expected:
		return "there is something behind its end";
	case json_error_invalid_utf8:
		return "it is not valid UTF-8";
	case json_error_duplicate_key:
		return "a key occurs twice";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "a string has a NUL character";
	case json_error_numeric_overflow:
		return "a number is too large";
	case json_error_out_of_memory:
		return "out of memory";
	default:
		return "the syntax is wrong";
	}
}

int sd_json_parse(const char *text, size_t len, sd_json **ret, struct sd_error *err)
{
	json_error_t error;
	json_t *json;

	if (is_too_deep(text, len))
		return sd_error_set(
		        err, EINVAL, "the JSON is nested deeper than %d levels", JSON_DEPTH_MAX);
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!json)
		return sd_error_set(err, EINVAL, "not valid JSON at line %d, column %d: %s",
		        error.line, error.column, fault(&error));
	if (!json_is_object(json)) {
		json_decref(json);
		return sd_error_set(err, EINVAL, "not a JSON object");
	}
	*ret = json;
	return 0;
}

int sd_json_read_text(int fd, const char *path, char **ret, size_t *ret_len, struct sd_error *err)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t used = 0;

	if (fstat(fd, &st) < 0)
		return sd_error_errno(err, errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return sd_error_set(err, EINVAL, "%s is not a regular file", path);
	if (st.st_size > JSON_FILE_MAX)
		return sd_error_set(err, EFBIG, "%s is larger than 1 MiB", path);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return sd_error_set(err, ENOMEM, "out of memory");
	while (used < (size_t)st.st_size) {
		ssize_t n = read(fd, text + used, (size_t)st.st_size - used);

		if (n < 0)
			return sd_error_errno(err, errno, "cannot read %s", path);
		if (n == 0)
			break;
		used += (size_t)n;
	}
	text[used] = '\0';
	*ret = sd_steal(text);
	*ret_len = used;
	return 0;
}

int sd_json_load(const char *path, sd_json **ret, struct sd_error *err)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", path);
	r = sd_json_read_text(fd, path, &text, &len, err);
	if (r < 0)
		return r;
	r = sd_json_parse(text, len, ret, err);
	return r < 0 ? sd_error_wrap(err, "%s", path) : 0;
}

sd_json *sd_json_again(sd_json *json)
{
	return json_incref(json);
}

void sd_json_free(sd_json *json)
{
	json_decref(json);
}

char *sd_json_line(const sd_json *json)
{
	return json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
}

char *sd_json_pretty(const sd_json *json)
{
	return json_dumps(json, JSON_INDENT(2) | JSON_ENCODE_ANY);
}

sd_json *sd_json_object(void)
{
	return json_object();
}

sd_json *sd_json_array(void)
{
	return json_array();
}

/* Names on a disk or in /sys need not be UTF-8, but an answer must be: other bytes become '?'. */
sd_json *sd_json_string(const char *value)
{
	_cleanup_free_ char *ascii = NULL;
	json_t *json;

	if (!value)
		return NULL;
	json = json_string(value);
	if (json)
		return json;
	ascii = strdup(value);
	if (!ascii)
		return NULL;
	for (char *p = ascii; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(ascii);
}

int sd_json_set(sd_json *object, const char *key, sd_json *value)
{
	return json_object_set_new(object, key, value) == 0 ? 0 : -ENOMEM;
}

int sd_json_set_string(sd_json *object, const char *key, const char *value)
{
	return value ? sd_json_set(object, key, sd_json_string(value)) : 0;
}

int sd_json_set_int(sd_json *object, const char *key, int64_t value)
{
	return sd_json_set(object, key, json_integer(value));
}

int sd_json_set_bool(sd_json *object, const char *key, int value)
{
	return sd_json_set(object, key, json_boolean(value));
}

int sd_json_set_null(sd_json *object, const char *key)
{
	return sd_json_set(object, key, json_null());
}

int sd_json_append(sd_json *array, sd_json *value)
{
	return json_array_append_new(array, value) == 0 ? 0 : -ENOMEM;
}

int sd_json_get_string(
        const sd_json *object, const char *key, const char **ret, struct sd_error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!json_is_string(value))
		return sd_error_set(err, EINVAL, "\"%s\" must be a string", key);
	*ret = json_string_value(value);
	return 1;
}

int sd_json_get_bool(const sd_json *object, const char *key, int *ret, struct sd_error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return sd_error_set(err, EINVAL, "\"%s\" must be true or false", key);
	*ret = json_is_true(value);
	return 1;
}

int sd_json_get_int(const sd_json *object, const char *key, int64_t *ret, struct sd_error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!json_is_integer(value))
		return sd_error_set(err, EINVAL, "\"%s\" must be a whole number", key);
	*ret = json_integer_value(value);
	return 1;
}

sd_json *sd_json_get(const sd_json *object, const char *key)
{
	return json_object_get(object, key);
}

const char *sd_json_as_string(const sd_json *value)
{
	return json_string_value(value);
}

int sd_json_as_bool(const sd_json *value, int *ret)
{
	if (!json_is_boolean(value))
		return 0;
	*ret = json_is_true(value);
	return 1;
}

int sd_json_as_int(const sd_json *value, int64_t *ret)
{
	if (!json_is_integer(value))
		return 0;
	*ret = json_integer_value(value);
	return 1;
}

int sd_json_is_text(const char *text)
{
	_cleanup_json_ sd_json *json = json_string(text);

	return json != NULL;
}

int sd_json_is_object(const sd_json *value)
{
	return json_is_object(value);
}

int sd_json_is_array(const sd_json *value)
{
	return json_is_array(value);
}

size_t sd_json_size(const sd_json *array)
{
	return json_array_size(array);
}

sd_json *sd_json_at(const sd_json *array, size_t index)
{
	return json_array_get(array, index);
}

int sd_json_each(const sd_json *object,
        int (*f)(const char *key, const sd_json *value, void *data, struct sd_error *err),
        void *data, struct sd_error *err)
{
	/* jansson's iterator wants a non-const object, though it does not change it. */
	json_t *walked = (json_t *)(uintptr_t)object;
	const char *key;
	json_t *value;

	json_object_foreach(walked, key, value)
	{
		int r = f(key, value, data, err);

		if (r != 0)
			return r;
	}
	return 0;
}
