// libcurl's easy, multi and share interfaces. Swift cannot call variadic functions: one wrapper for each kind of argument.
#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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

// ── Many transfers on one thread ──

static inline CURLMcode hg_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) { return curl_multi_setopt(multi, option, value); }
static inline CURLMcode hg_curl_multi_set_pointer(CURLM *multi, CURLMoption option, void *value) { return curl_multi_setopt(multi, option, value); }
/// What libcurl wants to know of a socket: `CURL_POLL_*`.
typedef int (*hg_curl_socket_note)(CURL *, curl_socket_t, int what, void *context, void *of_socket);
static inline CURLMcode hg_curl_multi_set_socket(CURLM *multi, hg_curl_socket_note value) { return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, value); }
/// When libcurl wants to be called without a socket; ms, -1: not at all.
typedef int (*hg_curl_timer_note)(CURLM *, long ms, void *context);
static inline CURLMcode hg_curl_multi_set_timer(CURLM *multi, hg_curl_timer_note value) { return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, value); }

/// Data that no answer comes for break a connection after 20 s, not after the kernel's quarter of an hour.
static inline int hg_curl_opened(void *context, curl_socket_t socket, curlsocktype type) {
    unsigned int ms = 20000;
    (void)context;
    (void)type;
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    return CURL_SOCKOPT_OK;
}
static inline CURLcode hg_curl_set_opened(CURL *handle) { return curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, hg_curl_opened); }

static inline CURLSHcode hg_curl_share(CURLSH *share, curl_lock_data what) { return curl_share_setopt(share, CURLSHOPT_SHARE, what); }
static inline CURLcode hg_curl_get_socket(CURL *handle, curl_socket_t *value) { return curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, value); }
static inline CURLcode hg_curl_result(const CURLMsg *message) { return message->data.result; }
