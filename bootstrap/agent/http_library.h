/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* For http*.c alone: libcurl, loaded when it is first needed, since it brings thirty libraries along. */

#include "http.h"
#include "library.h"

/* The functions are called through pointers, and its checking macros would call the linked ones. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define HTTP_CURL_FUNCTIONS(f)                                                              \
	f(curl_global_init_mem) f(curl_easy_init) f(curl_easy_setopt) f(curl_easy_getinfo)  \
	        f(curl_easy_strerror) f(curl_easy_cleanup) f(curl_slist_append)             \
	                f(curl_slist_free_all) f(curl_multi_init) f(curl_multi_setopt)      \
	                        f(curl_multi_add_handle) f(curl_multi_remove_handle)        \
	                                f(curl_multi_socket_action) f(curl_multi_info_read) \
	                                        f(curl_multi_assign) f(curl_multi_cleanup)  \
	                                                f(curl_easy_escape)

struct http_curl {
	HTTP_CURL_FUNCTIONS(SD_LIBRARY_MEMBER)
};
extern struct http_curl http_curl;

int http_curl_load(struct sd_error *err);

/* What one call sends, ready to be added. The caller frees both, the headers with http_headers_free(). */
int http_request_make(struct kubeconfig *credentials, const struct http_what *what, CURL **ret,
        struct curl_slist **ret_headers, struct sd_error *err);
/* They hold the token. */
void http_headers_free(struct curl_slist *headers);
