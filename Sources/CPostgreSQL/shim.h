// libpq, and the one thing that must be C: starting a server as another user. Between fork and exec a threaded process
// may only call async-signal-safe functions, which Swift cannot promise.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <postgresql/libpq-fe.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// libpq 17 can end a pipeline section without a system call; on older ones the symbol stays null.
extern int PQsendPipelineSync(PGconn *conn) __attribute__((weak));

static inline int hg_pq_buffers_syncs(void) { return PQsendPipelineSync != 0; }

static inline int hg_pq_sync(PGconn *conn) {
    return PQsendPipelineSync ? PQsendPipelineSync(conn) : PQpipelineSync(conn);
}

/// Starts `path` with no inherited descriptor but /dev/null as input and `log_fd` as output and error, in a process group of
/// its own (a terminal's Ctrl-C goes to the parent alone). `uid` 0 keeps the user. When the calling *thread* ends, the child
/// gets `death_signal`; it is set after setuid, which clears it. Returns the pid, or -1 with errno, also when exec failed.
static inline pid_t hg_spawn(const char *path, char *const argv[], char *const envp[], uid_t uid, gid_t gid, int log_fd,
                             int death_signal) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return -1;
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0) { int e = errno; close(report[0]); close(report[1]); errno = e; return -1; }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        int failed = 0, out = report[1];
        setpgid(0, 0);
        if (uid != 0) failed = setgroups(1, &gid) || setgid(gid) || setuid(uid);
        if (!failed) failed = prctl(PR_SET_PDEATHSIG, death_signal) != 0;
        if (!failed && getppid() != parent) _exit(1);
        if (!failed) failed = dup2(null_fd, 0) < 0 || dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0 || dup2(report[1], 3) < 0;
        if (!failed) out = 3;
        if (!failed) failed = fcntl(3, F_SETFD, FD_CLOEXEC) != 0 || close_range(4, ~0U, 0) != 0;
        if (!failed) {
            struct sigaction plain;
            plain.sa_handler = SIG_DFL;
            plain.sa_flags = 0;
            sigemptyset(&plain.sa_mask);
            for (int s = 1; s < NSIG; s++) sigaction(s, &plain, 0);
            sigset_t none;
            sigemptyset(&none);
            sigprocmask(SIG_SETMASK, &none, 0);
            if (chdir("/") == 0) execve(path, argv, envp);
        }
        int e = errno;
        (void)!write(out, &e, sizeof e);
        _exit(127);
    }
    int fork_errno = errno;
    pthread_sigmask(SIG_SETMASK, &before, 0);
    close(report[1]);
    close(null_fd);
    if (pid < 0) { close(report[0]); errno = fork_errno; return -1; }
    int child_errno = 0;
    ssize_t got;
    do { got = read(report[0], &child_errno, sizeof child_errno); } while (got < 0 && errno == EINTR);
    close(report[0]);
    if (got == sizeof child_errno) {
        while (waitpid(pid, 0, 0) < 0 && errno == EINTR) {}
        errno = child_errno;
        return -1;
    }
    return pid;
}

/// Waits for a child's end without reaping it: 0, or -1 with errno. Its pid stays taken until `hg_reap`.
static inline int hg_await_exit(pid_t pid) {
    siginfo_t info;
    int r;
    do { r = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT); } while (r < 0 && errno == EINTR);
    return r;
}

static inline int hg_reap(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return status;
}
