// libcurl's easy interface. Swift cannot call variadic functions: one wrapper for each kind of argument.
#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

static inline CURLcode hg_curl_set_long(CURL *handle, CURLoption option, long value) { return curl_easy_setopt(handle, option, value); }
static inline CURLcode hg_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) { return curl_easy_setopt(handle, option, value); }
/// libcurl keeps a copy.
static inline CURLcode hg_curl_set_text(CURL *handle, CURLoption option, const char *value) { return curl_easy_setopt(handle, option, value); }
static inline CURLcode hg_curl_set_pointer(CURL *handle, CURLoption option, void *value) { return curl_easy_setopt(handle, option, value); }
static inline CURLcode hg_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) { return curl_easy_setopt(handle, option, value); }

/// A reader, a writer or a header function: bytes, 1, their number, its context; returns how many it gave or took.
typedef size_t (*hg_curl_callback)(char *, size_t, size_t, void *);
static inline CURLcode hg_curl_set_callback(CURL *handle, CURLoption option, hg_curl_callback value) { return curl_easy_setopt(handle, option, value); }
/// Called once a second at least; other than 0 ends the transfer.
typedef int (*hg_curl_progress)(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
static inline CURLcode hg_curl_set_progress(CURL *handle, hg_curl_progress value) { return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value); }

static inline CURLcode hg_curl_get_long(CURL *handle, CURLINFO info, long *value) { return curl_easy_getinfo(handle, info, value); }

/// Once a process, before anything else.
static inline CURLcode hg_curl_global(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }
