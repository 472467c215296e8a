/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The address of a list or watch: PATH?FIRST&labelSelector=SELECTOR; selector: escaped already
 * (http_escape()), or NULL. The caller's (free()); NULL without memory.
 */
char *watch_url(const char *path, const char *first, const char *selector);
