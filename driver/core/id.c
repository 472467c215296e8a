/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "id.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define ID_LENGTH (SD_ID_SIZE - 1)
#define MAPPING_PREFIX "solodisk-"

static bool id_is_dash_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

bool sd_id_is_valid(const char *text)
{
	bool zero = true;
	size_t i;

	if (!text)
		return false;
	for (i = 0; i < ID_LENGTH; i++) {
		char c = text[i];

		if (id_is_dash_place(i)) {
			if (c != '-')
				return false;
			continue;
		}
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		if (c != '0')
			zero = false;
	}
	/* the nil GUID marks an unused GPT entry */
	return text[ID_LENGTH] == '\0' && !zero;
}

int sd_id_parse(const char *text, char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	char id[SD_ID_SIZE];
	size_t i, len = text ? strlen(text) : 0;

	for (i = 0; len == ID_LENGTH && i < len; i++)
		id[i] = (char)tolower((unsigned char)text[i]);
	id[ID_LENGTH] = '\0';
	if (len != ID_LENGTH || !sd_id_is_valid(id))
		return sd_error_set(err, EINVAL,
		        "\"%.64s\" is not a volume ID; one looks like "
		        "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d",
		        text ? text : "");
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

int sd_id_new(char ret_id[SD_ID_SIZE], struct sd_error *err)
{
	unsigned char b[16];
	char id[SD_ID_SIZE];
	size_t i, used = 0;
	ssize_t n;

	do
		n = getrandom(b, sizeof(b), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(b))
		return sd_error_errno(err, n < 0 ? errno : EIO, "cannot get random bytes");
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* RFC 4122, 4.4: version 4 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* and variant 1 */
	for (i = 0; i < sizeof(b); i++) {
		if (id_is_dash_place(used))
			id[used++] = '-';
		used += (size_t)sprintf(id + used, "%02x", b[i]);
	}
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

void sd_id_mapping_name(const char *id, char ret_name[SD_MAPPING_NAME_SIZE])
{
	char digits[33];
	size_t n = 0;

	for (; *id && n < sizeof(digits) - 1; id++)
		if (*id != '-')
			digits[n++] = *id;
	digits[n] = '\0';
	(void)snprintf(ret_name, SD_MAPPING_NAME_SIZE, MAPPING_PREFIX "%s", digits);
}

int sd_id_from_mapping_name(const char *name, char ret_id[SD_ID_SIZE])
{
	const char *digits = name + strlen(MAPPING_PREFIX);
	char id[SD_ID_SIZE] = "";

	if (strncmp(name, MAPPING_PREFIX, strlen(MAPPING_PREFIX)) != 0 || strlen(digits) != 32)
		return -EINVAL;
	for (size_t i = 0; i < ID_LENGTH; i++)
		id[i] = id_is_dash_place(i) ? '-' : *digits++;
	if (!sd_id_is_valid(id))
		return -EINVAL;
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

void sd_id_pv_name(const char *id, char ret_name[SD_PV_NAME_SIZE])
{
	(void)snprintf(ret_name, SD_PV_NAME_SIZE, SD_PV_NAME_PREFIX "%.36s", id);
}
