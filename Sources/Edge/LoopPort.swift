package import Reactor

/// What a connection needs of its loop, as plain closures that were formed in the loop's isolation and never leave it.
///
/// With them the server's objects can be used from synchronous and asynchronous code on the loop alike.
package struct LoopPort {
    package let nowNs: () -> Int64
    package let watch: (Int32, EventLoop.Readiness, @escaping EventLoop.Handler) -> EventLoop.Watch
    package let update: (EventLoop.Watch, EventLoop.Readiness) -> Void
    package let unwatch: (EventLoop.Watch) -> Void
    package let atEndOfTick: (@escaping () -> Void) -> Void
    package let after: (Int64, @escaping () -> Void) -> Void
    package let every: (Int64, @escaping () -> Bool) -> Void
    private let start: (Work) -> Task<Void, Never>

    /// A body on its way to a task.
    private final class Work {
        private let body: () async -> Void
        init(_ body: @escaping () async -> Void) { self.body = body }
        func run() async { await body() }
    }

    package init(on loop: isolated EventLoop) {
        nowNs = { loop.nowNs }
        watch = { loop.watch($0, $1, $2) }
        update = { loop.update($0, $1) }
        unwatch = { loop.unwatch($0) }
        atEndOfTick = { loop.atEndOfTick($0) }
        after = { _ = loop.after(ns: $0, $1) }
        every = { loop.every(ns: $0, $1) }
        let executor = loop.taskExecutor
        start = { work in
            // The preference keeps the task on the loop even where the compiler takes a handler's closure for a concurrent one:
            // Swift 6.3 does so for closures without a written signature that are formed outside an isolated context.
            Task.immediate(executorPreference: executor) {
                _ = loop
                await work.run()
            }
        }
    }

    /// Runs `body` on the loop, in this tick.
    package func spawn(_ body: @escaping () async -> Void) -> Task<Void, Never> { start(Work(body)) }
}
