internal import CLinux

/// One thread, one epoll, one isolation domain: everything a loop owns is reached through `isolated EventLoop`.
///
/// A tick runs: ready descriptors, due timers, queued jobs, then the end-of-tick flushes; then it sleeps in epoll.
public actor EventLoop {
    /// What a watched descriptor is ready for. Hang-up and error read as both, so that the owner's next call reports them.
    public struct Readiness: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let read = Readiness(rawValue: 1)
        public static let write = Readiness(rawValue: 2)
    }

    /// Names a watched descriptor; stale tokens are harmless.
    public struct Watch: Hashable, Sendable { let token: UInt64 }

    public struct Timer: Hashable, Sendable { let id: UInt64 }

    /// Handlers and bodies are formed inside the loop's isolation and are called there.
    public typealias Handler = (Readiness) -> Void
    public typealias Body = () -> Void

    static let wakeupToken = UInt64.max
    /// Events taken per epoll call: enough to drain a busy tick in one call, small enough to keep timers punctual.
    static let eventsPerTick = 512

    public nonisolated let name: String
    nonisolated let executor: LoopExecutor
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    /// The same thread as a task executor, for `Task(executorPreference:)`.
    public nonisolated var taskExecutor: any TaskExecutor { executor }

    private struct Slot {
        var fd: Int32
        var generation: UInt32
        var handler: Handler?
    }

    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var timers = TimerQueue<Body>()
    private var flushes: [Body] = []
    private var letters: [LoopExecutor.Letter] = []
    private var stopping = false
    /// Monotonic nanoseconds at the start of this tick.
    public private(set) var nowNs: Int64 = hg_monotonic_ns()

    /// Starts the loop's thread. `stop()` ends it.
    public init(name: String) {
        self.name = name
        executor = LoopExecutor()
        let started = LoopThread(loop: self, executor: executor, name: name)
        started.start()
    }

    /// Whether the caller is on this loop's thread.
    public nonisolated var isCurrent: Bool { executor.isCurrent }

    /// Queues a body for the loop's next tick, from any thread.
    public nonisolated func execute(_ body: @escaping @Sendable (isolated EventLoop) -> Void) {
        executor.post(.body(body))
    }

    /// Runs `body` on the loop and returns what it makes.
    public func run<T>(_ body: @Sendable (isolated EventLoop) async throws -> sending T) async rethrows -> sending T {
        try await body(self)
    }

    /// Ends the thread after the current tick; watched descriptors stay open and belong to their owners.
    public nonisolated func stop() {
        execute { loop in loop.stopping = true }
    }

    // MARK: Descriptors

    /// Watches a descriptor, level-triggered unless `edge` is set.
    public func watch(_ fd: Int32, _ interest: Readiness, edge: Bool = false, _ handler: @escaping Handler) -> Watch {
        let index: UInt32
        if let free = freeSlots.popLast() {
            index = free
        } else {
            index = UInt32(slots.count)
            slots.append(Slot(fd: -1, generation: 0, handler: nil))
        }
        slots[Int(index)].fd = fd
        slots[Int(index)].handler = handler
        let token = UInt64(slots[Int(index)].generation) << 32 | UInt64(index)
        _ = hg_epoll_ctl(executor.epoll, EPOLL_CTL_ADD, fd, Self.mask(interest, edge: edge), token)
        return Watch(token: token)
    }

    /// Changes what a watched descriptor is watched for.
    public func update(_ watch: Watch, _ interest: Readiness, edge: Bool = false) {
        guard let slot = slot(watch) else { return }
        _ = hg_epoll_ctl(executor.epoll, EPOLL_CTL_MOD, slots[slot].fd, Self.mask(interest, edge: edge), watch.token)
    }

    /// Forgets a descriptor; call it before closing the descriptor.
    public func unwatch(_ watch: Watch) {
        guard let slot = slot(watch) else { return }
        _ = hg_epoll_ctl(executor.epoll, EPOLL_CTL_DEL, slots[slot].fd, 0, 0)
        slots[slot].fd = -1
        slots[slot].handler = nil
        slots[slot].generation &+= 1
        freeSlots.append(UInt32(slot))
    }

    // MARK: Time

    /// Runs `body` once after a delay in nanoseconds.
    @discardableResult
    public func after(ns delay: Int64, _ body: @escaping Body) -> Timer {
        Timer(id: timers.insert(body, at: hg_monotonic_ns() &+ delay))
    }

    public func cancel(_ timer: Timer) { timers.cancel(timer.id) }

    /// Runs `body` every `ns` nanoseconds until it returns false. The interval counts from each run's end.
    public func every(ns interval: Int64, _ body: @escaping () -> Bool) {
        after(ns: interval) { [self] in
            if body() { every(ns: interval, body) }
        }
    }

    /// Waits without holding the thread.
    public func sleep(ns: Int64) async {
        await withUnsafeContinuation { continuation in
            after(ns: ns) { continuation.resume() }
        }
    }

    /// Starts a task that runs on this loop from its first step to its last. `body` runs at once, up to where it first waits.
    @discardableResult
    public func spawn(_ body: @escaping () async -> Void) -> Task<Void, Never> {
        // The preference keeps the task here even where the compiler takes a closure for a concurrent one: Swift 6.3 does so
        // for async closures that are formed inside other closures.
        Task.immediate(executorPreference: executor) {
            _ = self
            await body()
        }
    }

    /// Runs `body` at the end of this tick, after all ready work: the place where buffers are flushed once.
    public func atEndOfTick(_ body: @escaping Body) { flushes.append(body) }

    // MARK: The tick

    /// Runs until `stop()`. Called once, by the loop's thread.
    func runUntilStopped() {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventsPerTick) { events in
            while !stopping {
                let ready = hg_epoll_wait(executor.epoll, events.baseAddress, Int32(Self.eventsPerTick), sleepNs())
                nowNs = hg_monotonic_ns()
                if ready > 0 { dispatch(events, Int(ready)) }
                while let due = timers.popDue(nowNs: nowNs) { due() }
                runQueued()
            }
        }
        slots.removeAll()
        timers = TimerQueue()
        flushes.removeAll()
    }

    private func sleepNs() -> Int64 {
        if !executor.local.isEmpty || !flushes.isEmpty { return 0 }
        guard let next = timers.nextDeadlineNs() else { return -1 }
        return max(0, next &- hg_monotonic_ns())
    }

    private func dispatch(_ events: UnsafeMutableBufferPointer<epoll_event>, _ count: Int) {
        for i in 0..<count {
            let token = hg_event_token(&events[i])
            if token == Self.wakeupToken {
                executor.drainWakeup()
                continue
            }
            let index = Int(UInt32(truncatingIfNeeded: token))
            guard index < slots.count, slots[index].generation == UInt32(token >> 32), let handler = slots[index].handler else { continue }
            let bits = events[i].events
            var readiness: Readiness = []
            if bits & EPOLLIN.rawValue != 0 { readiness.insert(.read) }
            if bits & EPOLLOUT.rawValue != 0 { readiness.insert(.write) }
            if bits & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { readiness = [.read, .write] }
            handler(readiness)
        }
    }

    private func runQueued() {
        executor.takeMail(into: &letters)
        for letter in letters {
            switch letter {
            case .job(let job): job.runSynchronously(on: unownedExecutor)
            case .body(let body): body(self)
            }
        }
        letters.removeAll(keepingCapacity: true)
        // Jobs that were queued by those just run go on in the same tick, up to a bound that keeps descriptors served.
        var rounds = 0
        while !executor.local.isEmpty && rounds < 16 {
            var jobs: [UnownedJob] = []
            swap(&jobs, &executor.local)
            for job in jobs { job.runSynchronously(on: unownedExecutor) }
            rounds += 1
        }
        if !flushes.isEmpty {
            var due: [Body] = []
            swap(&due, &flushes)
            for body in due { body() }
        }
    }

    private func slot(_ watch: Watch) -> Int? {
        let index = Int(UInt32(truncatingIfNeeded: watch.token))
        guard index < slots.count, slots[index].generation == UInt32(watch.token >> 32), slots[index].handler != nil else { return nil }
        return index
    }

    private static func mask(_ interest: Readiness, edge: Bool) -> UInt32 {
        var bits: UInt32 = 0
        if interest.contains(.read) { bits |= EPOLLIN.rawValue }
        if interest.contains(.write) { bits |= EPOLLOUT.rawValue }
        if edge { bits |= EPOLLET.rawValue }
        return bits
    }
}
