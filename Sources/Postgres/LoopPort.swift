import Reactor

/// What connections ask of their loop, as closures formed inside its isolation.
///
/// `async` functions without a loop parameter run on the loop, but the compiler cannot know which one: they go through these.
struct LoopPort {
    let watch: (Int32, EventLoop.Readiness, @escaping EventLoop.Handler) -> EventLoop.Watch
    let update: (EventLoop.Watch, EventLoop.Readiness) -> Void
    let unwatch: (EventLoop.Watch) -> Void
    let after: (_ ms: Int, @escaping EventLoop.Body) -> EventLoop.Timer
    let cancel: (EventLoop.Timer) -> Void
    let atEndOfTick: (@escaping EventLoop.Body) -> Void

    init(on loop: isolated EventLoop) {
        watch = { loop.watch($0, $1, $2) }
        update = { loop.update($0, $1) }
        unwatch = { loop.unwatch($0) }
        after = { loop.after(ns: Int64($0) &* 1_000_000, $1) }
        cancel = { loop.cancel($0) }
        atEndOfTick = { loop.atEndOfTick($0) }
    }
}
