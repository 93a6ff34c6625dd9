import Reactor

/// What a connection needs of its loop, as plain closures that were formed in the loop's isolation and never leave it.
///
/// With them the server's objects can be used from synchronous and asynchronous code on the loop alike.
struct LoopPort {
    let nowNs: () -> Int64
    let watch: (Int32, EventLoop.Readiness, @escaping EventLoop.Handler) -> EventLoop.Watch
    let update: (EventLoop.Watch, EventLoop.Readiness) -> Void
    let unwatch: (EventLoop.Watch) -> Void
    let atEndOfTick: (@escaping () -> Void) -> Void
    let after: (Int64, @escaping () -> Void) -> Void
    let every: (Int64, @escaping () -> Bool) -> Void
    /// Runs `body` on the loop at once, until it suspends for the first time.
    let spawn: (@escaping () async -> Void) -> Task<Void, Never>

    init(on loop: isolated EventLoop) {
        nowNs = { loop.nowNs }
        watch = { loop.watch($0, $1, $2) }
        update = { loop.update($0, $1) }
        unwatch = { loop.unwatch($0) }
        atEndOfTick = { loop.atEndOfTick($0) }
        after = { _ = loop.after(ns: $0, $1) }
        every = { loop.every(ns: $0, $1) }
        spawn = { body in
            Task.immediate {
                _ = loop
                await body()
            }
        }
    }
}
