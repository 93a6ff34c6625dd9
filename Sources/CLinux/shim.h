// What Glibc's module leaves out: epoll, eventfd, GNU extensions, and the macros with arguments.
// _GNU_SOURCE stays undefined, or the types here would differ from those of the Glibc module: extensions are declared below.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int pipe2(int fds[2], int flags);
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask);
int pthread_setname_np(pthread_t thread, const char *name);

static inline int hg_epoll_ctl(int epfd, int op, int fd, uint32_t events, uint64_t token) {
    struct epoll_event e;
    e.events = events;
    e.data.u64 = token;
    return epoll_ctl(epfd, op, fd, &e);
}

/// Waits with nanosecond resolution; a negative timeout waits for ever.
static inline int hg_epoll_wait(int epfd, struct epoll_event *events, int max, int64_t timeout_ns) {
    struct timespec ts = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
    return epoll_pwait2(epfd, events, max, timeout_ns < 0 ? NULL : &ts, NULL);
}

static inline uint64_t hg_event_token(const struct epoll_event *e) { return e->data.u64; }

static inline int64_t hg_monotonic_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline int64_t hg_wall_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static inline int hg_errno(void) { return errno; }
static inline int hg_wifexited(int s) { return WIFEXITED(s); }
static inline int hg_wexitstatus(int s) { return WEXITSTATUS(s); }
static inline int hg_s_isreg(unsigned m) { return S_ISREG(m); }
static inline int hg_s_isdir(unsigned m) { return S_ISDIR(m); }

// Variadic functions are not imported.
static inline int hg_openat(int dir, const char *path, int flags) { return openat(dir, path, flags); }
static inline int hg_dup_cloexec(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

static inline void hg_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

extern char **environ;
static inline char **hg_environ(void) { return environ; }

/// Lines appear when they are whole, also where standard output is a pipe.
static inline void hg_line_buffer(void) { setvbuf(stdout, NULL, _IOLBF, 0); }

static inline void hg_set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }
