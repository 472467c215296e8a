/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The addresses of lists and watches. What these return is the caller's (free()); NULL without memory. */

/* Everything but what RFC 3986 never reserves is escaped. */
char *watch_encode(const char *text);

/* PATH?FIRST&labelSelector=SELECTOR; selector: escaped already, or NULL. */
char *watch_url(const char *path, const char *first, const char *selector);
