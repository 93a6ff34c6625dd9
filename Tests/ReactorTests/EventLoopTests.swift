import CLinux
import Synchronization
import Testing

@testable import Reactor

/// What a test's handlers noted, on the loop.
private final class Notes {
    var lines: [String] = []
    var waiter: UnsafeContinuation<Void, Never>?
    var until = 0

    func add(_ line: String) {
        lines.append(line)
        if lines.count >= until {
            waiter?.resume()
            waiter = nil
        }
    }

    /// Suspends until so many lines are there.
    func wait(for count: Int) async {
        until = count
        guard lines.count < count else { return }
        await withUnsafeContinuation { waiter = $0 }
    }
}

private final class Flag: Sendable {
    let isSet = Atomic<Bool>(false)
}

/// Two connected descriptors.
private struct Pair {
    let a: Int32
    let b: Int32

    init() throws {
        var fds: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &fds) == 0)
        (a, b) = (fds[0], fds[1])
    }

    static func put(_ fd: Int32, _ count: Int = 1) -> Int { write(fd, [UInt8](repeating: 1, count: count), count) }
    /// Reads all there is.
    static func drain(_ fd: Int32) -> Int {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var total = 0
        while true {
            let n = CLinux.read(fd, &buffer, buffer.count)
            if n <= 0 { return total }
            total += n
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct EventLoopTests {
    private static func name(_ ready: EventLoop.Readiness) -> String { (ready.contains(.read) ? "r" : "") + (ready.contains(.write) ? "w" : "") }

    /// Runs a body on a loop of its own and stops the loop.
    private func onLoop<T: Sendable>(_ body: @Sendable (isolated EventLoop) async throws -> T) async throws -> T {
        let loop = EventLoop(name: "test")
        defer { loop.stop() }
        return try await loop.run { loop in try await body(loop) }
    }

    @Test func bodiesFromOneThreadRunInTheirOrder() async throws {
        let loop = EventLoop(name: "order")
        defer { loop.stop() }
        let notes = await loop.run { loop in LoopBound(Notes(), on: loop) }
        for i in 0..<1_000 { loop.execute { loop in notes.value(on: loop).add("\(i)") } }
        let lines = await loop.run { loop in
            await notes.value(on: loop).wait(for: 1_000)
            return notes.value(on: loop).lines
        }
        #expect(lines == (0..<1_000).map(String.init))
    }

    @Test func tasksOfTheLoopStayOnItsThread() async throws {
        try await onLoop { loop in
            #expect(loop.isCurrent)
            let thread = pthread_self()
            for _ in 0..<100 {
                await Task.yield()
                #expect(loop.isCurrent && pthread_self() == thread)
            }
            await loop.sleep(ns: 1_000)
            #expect(loop.isCurrent && pthread_self() == thread)
            let child = Task(executorPreference: loop.taskExecutor) { loop.isCurrent }
            #expect(await child.value)
            // An await elsewhere comes back here.
            await Task.detached { #expect(!loop.isCurrent) }.value
            #expect(loop.isCurrent && pthread_self() == thread)
        }
        let loop = EventLoop(name: "outside")
        defer { loop.stop() }
        #expect(!loop.isCurrent)
    }

    @Test func anImmediateTaskRunsUntilItSuspends() async throws {
        let lines = try await onLoop { loop in
            let notes = Notes()
            let task = Task.immediate {
                _ = loop
                notes.add("begins")
                await Task.yield()
                notes.add("goes on")
            }
            notes.add("after")
            await task.value
            return notes.lines
        }
        #expect(lines == ["begins", "after", "goes on"])
    }

    @Test func timersFireInOrderAndNeverEarly() async throws {
        try await onLoop { loop in
            let notes = Notes()
            let start = Clock.monotonicNs
            var early = 0
            for ms in [30, 10, 20, 5, 1] as [Int64] {
                loop.after(ns: ms * 1_000_000) {
                    if Clock.monotonicNs - start < ms * 1_000_000 { early += 1 }
                    notes.add("\(ms)")
                }
            }
            let cancelled = loop.after(ns: 15_000_000) { notes.add("cancelled") }
            loop.cancel(cancelled)
            loop.cancel(cancelled)
            await notes.wait(for: 5)
            #expect(notes.lines == ["1", "5", "10", "20", "30"] && early == 0)
        }
    }

    @Test func aRepeatedBodyEndsWhenItSaysSo() async throws {
        try await onLoop { loop in
            let notes = Notes()
            loop.every(ns: 100_000) {
                notes.add("x")
                return notes.lines.count < 5
            }
            await notes.wait(for: 5)
            await loop.sleep(ns: 2_000_000)
            #expect(notes.lines.count == 5)
        }
    }

    @Test func sleepersWakeInTheOrderOfTheirTimes() async throws {
        try await onLoop { loop in
            let notes = Notes()
            // Far enough apart for a machine that is busy while they begin.
            for ms in [150, 50, 100] as [Int64] {
                Task.immediate {
                    _ = loop
                    await loop.sleep(ns: ms * 1_000_000)
                    notes.add("\(ms)")
                }
            }
            await notes.wait(for: 3)
            #expect(notes.lines == ["50", "100", "150"])
        }
    }

    @Test func aBodyAtTheEndOfTheTickRunsOnceAfterTheReadyWork() async throws {
        try await onLoop { loop in
            let notes = Notes()
            loop.atEndOfTick {
                notes.add("flush")
                // Added while flushing: the next tick's.
                loop.atEndOfTick { notes.add("flush 2") }
            }
            Task {
                _ = loop
                notes.add("job")
            }
            notes.add("body")
            await notes.wait(for: 4)
            #expect(notes.lines == ["body", "job", "flush", "flush 2"])
            await loop.sleep(ns: 1_000_000)
            #expect(notes.lines.count == 4)
        }
    }

    @Test func aDescriptorIsWatchedForReadingWritingAndHangUp() async throws {
        let pair = try Pair()
        let lines = try await onLoop { loop in
            let notes = Notes()
            var watch: EventLoop.Watch?
            watch = loop.watch(pair.a, .read) { ready in
                notes.add(Self.name(ready) + "\(Pair.drain(pair.a))")
                if notes.lines.count == 1, let watch { loop.update(watch, [.read, .write]) }
                if notes.lines.count == 2, let watch { loop.update(watch, .read) }
                if notes.lines.count == 3, let watch { loop.unwatch(watch) }
            }
            #expect(Pair.put(pair.b, 5) == 5)
            await notes.wait(for: 2)
            // Interest in writing is gone: nothing more comes until the other side hangs up.
            await loop.sleep(ns: 1_000_000)
            #expect(notes.lines.count == 2)
            close(pair.b)
            await notes.wait(for: 3)
            await loop.sleep(ns: 1_000_000)
            close(pair.a)
            return notes.lines
        }
        #expect(lines == ["r5", "w0", "rw0"])
    }

    @Test func whatIsNotReadIsToldAgainUnlessEdgeTriggered() async throws {
        let pair = try Pair()
        defer {
            close(pair.a)
            close(pair.b)
        }
        try await onLoop { loop in
            let level = Notes()
            var watch: EventLoop.Watch?
            watch = loop.watch(pair.a, .read) { _ in
                level.add("l")
                if level.lines.count == 3, let watch { loop.unwatch(watch) }
            }
            #expect(Pair.put(pair.b) == 1)
            await level.wait(for: 3)
            let edge = Notes()
            let edgeWatch = loop.watch(pair.a, .read, edge: true) { _ in edge.add("e") }
            await edge.wait(for: 1)
            await loop.sleep(ns: 2_000_000)
            #expect(edge.lines.count == 1 && level.lines.count == 3)
            #expect(Pair.put(pair.b) == 1)
            await edge.wait(for: 2)
            loop.unwatch(edgeWatch)
        }
    }

    @Test func aHandlerMayForgetItselfAndOthersOfTheSameTick() async throws {
        let pairs = try (0..<20).map { _ in try Pair() }
        defer {
            for pair in pairs {
                close(pair.a)
                close(pair.b)
            }
        }
        try await onLoop { loop in
            let notes = Notes()
            var watches: [EventLoop.Watch] = []
            for (i, pair) in pairs.enumerated() {
                #expect(Pair.put(pair.b) == 1)
                watches.append(
                    loop.watch(pair.a, .read) { _ in
                        notes.add("\(i)")
                        // All are ready in this tick: after this none of the others may be called.
                        for watch in watches { loop.unwatch(watch) }
                    })
            }
            await notes.wait(for: 1)
            await loop.sleep(ns: 2_000_000)
            #expect(notes.lines.count == 1)
        }
    }

    @Test func aStaleWatchDoesNothingToItsSuccessor() async throws {
        let first = try Pair()
        let second = try Pair()
        defer {
            for fd in [first.a, first.b, second.a, second.b] { close(fd) }
        }
        try await onLoop { loop in
            let notes = Notes()
            let stale = loop.watch(first.a, .read) { _ in notes.add("first") }
            loop.unwatch(stale)
            // Takes over the same place in the table.
            let fresh = loop.watch(second.a, .read) { _ in notes.add("second \(Pair.drain(second.a))") }
            #expect(stale != fresh)
            loop.unwatch(stale)
            loop.update(stale, .write)
            #expect(Pair.put(first.b) == 1)
            #expect(Pair.put(second.b) == 1)
            await notes.wait(for: 1)
            await loop.sleep(ns: 1_000_000)
            #expect(notes.lines == ["second 1"])
            loop.unwatch(fresh)
        }
    }

    @Test func aStoppedLoopFinishesItsTickAndLetsItsThreadGo() async throws {
        let flag = Flag()
        weak var left: EventLoop?
        do {
            let loop = EventLoop(name: "stopping")
            left = loop
            await loop.run { loop in
                loop.stop()
                loop.atEndOfTick { flag.isSet.store(true, ordering: .releasing) }
            }
        }
        // The thread holds its loop as long as it runs.
        while left != nil { await Task.yield() }
        let isFlushed = flag.isSet.load(ordering: .acquiring)
        #expect(isFlushed)
    }

    @Test func manyThreadsMayPostAtOnce() async throws {
        let loop = EventLoop(name: "mailbox")
        defer { loop.stop() }
        let notes = await loop.run { loop in LoopBound(Notes(), on: loop) }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<500 { loop.execute { loop in notes.value(on: loop).add("") } } }
            }
        }
        let count = await loop.run { loop in
            await notes.value(on: loop).wait(for: 4_000)
            return notes.value(on: loop).lines.count
        }
        #expect(count == 4_000)
    }

    @Test func oneWakeUpIsEnoughForABurst() async throws {
        // The executor alone, without a thread: the eventfd counts the wake-ups.
        let executor = LoopExecutor()
        func wakes() -> UInt64 {
            var count: UInt64 = 0
            return CLinux.read(executor.wakeup, &count, 8) == 8 ? count : 0
        }
        var letters: [LoopExecutor.Letter] = []
        for _ in 0..<100 { executor.post(.body { _ in }) }
        #expect(wakes() == 1)
        executor.takeMail(into: &letters)
        #expect(letters.count == 100)
        letters.removeAll()
        executor.takeMail(into: &letters)
        #expect(letters.isEmpty && wakes() == 0)
        executor.post(.body { _ in })
        executor.post(.body { _ in })
        #expect(wakes() == 1)
    }
}
