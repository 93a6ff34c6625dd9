internal import CLinux
internal import Synchronization

/// SIGTERM and SIGINT as something to wait for. A second signal ends the process at once.
public enum StopSignal {
    private static let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])
    private static let arrived = Atomic<Bool>(false)

    /// Call first in `main`, before any thread: every later thread inherits the mask. SIGPIPE is ignored: writes report EPIPE.
    public static func install() {
        hg_ignore_sigpipe()
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        var thread = pthread_t()
        let failed = pthread_create(&thread, nil, watch, nil)
        precondition(failed == 0, "pthread_create failed")
        pthread_detach(thread)
    }

    public static var hasArrived: Bool { arrived.load(ordering: .acquiring) }

    /// Returns once a signal has come, or `raise()` was called.
    public static func wait() async {
        await withCheckedContinuation { continuation in
            waiting.withLock { $0.append(continuation) }
            if hasArrived { resumeAll() }
        }
    }

    /// As if a signal had come: a part that cannot go on stops the process in order.
    public static func raise() {
        arrived.store(true, ordering: .releasing)
        resumeAll()
    }

    private static func resumeAll() {
        let continuations = waiting.withLock { list in
            defer { list = [] }
            return list
        }
        for continuation in continuations { continuation.resume() }
    }

    private static let watch: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { _ in
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        while true {
            var number: Int32 = 0
            guard sigwait(&set, &number) == 0 else { continue }
            if hasArrived { _exit(128 + number) }
            StopSignal.raise()
        }
    }
}
