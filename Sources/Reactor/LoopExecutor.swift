import CLinux
import Synchronization

/// The executor of one loop thread: a mailbox of jobs and bodies, an epoll descriptor and an eventfd that wakes it.
///
/// `@unchecked Sendable` is sound because `mailbox` is behind its mutex, the descriptors are constants, and everything
/// marked "loop thread" is read and written on that thread alone.
public final class LoopExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
    enum Letter {
        case job(UnownedJob)
        case body(@Sendable (isolated EventLoop) -> Void)
    }

    let epoll: Int32
    let wakeup: Int32
    private let mailbox = Mutex<[Letter]>([])
    private let threadID = Atomic<UInt>(0)
    /// Jobs enqueued from the loop thread itself: no lock. Loop thread.
    var local: [UnownedJob] = []

    init() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(epoll >= 0, "epoll_create1 failed: out of file descriptors")
        wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(wakeup >= 0, "eventfd failed: out of file descriptors")
        _ = hg_epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, EPOLLIN.rawValue, EventLoop.wakeupToken)
    }

    deinit {
        close(epoll)
        close(wakeup)
    }

    /// Whether the caller is on the loop's own thread.
    var isCurrent: Bool { threadID.load(ordering: .relaxed) == UInt(pthread_self()) }

    func adoptCurrentThread() { threadID.store(UInt(pthread_self()), ordering: .releasing) }

    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        if isCurrent {
            local.append(unowned)
        } else {
            post(.job(unowned))
        }
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    public func checkIsolated() { precondition(isCurrent, "called off the loop's thread") }

    /// Wakes the loop only when the mailbox goes from empty to non-empty: one system call a burst.
    func post(_ letter: Letter) {
        let wasEmpty = mailbox.withLock { letters in
            letters.append(letter)
            return letters.count == 1
        }
        if wasEmpty { wake() }
    }

    func wake() {
        var one: UInt64 = 1
        _ = write(wakeup, &one, 8)
    }

    func takeMail(into letters: inout [Letter]) {
        mailbox.withLock { swap(&$0, &letters) }
    }

    func drainWakeup() {
        var count: UInt64 = 0
        _ = read(wakeup, &count, 8)
    }
}
