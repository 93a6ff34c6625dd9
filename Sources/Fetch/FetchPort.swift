import Reactor

/// What libcurl needs of its loop, as closures formed in the loop's isolation: they are called by code that only runs there.
struct FetchPort {
    let watch: (Int32, EventLoop.Readiness, @escaping EventLoop.Handler) -> EventLoop.Watch
    let update: (EventLoop.Watch, EventLoop.Readiness) -> Void
    let unwatch: (EventLoop.Watch) -> Void
    let after: (_ ms: Int, @escaping EventLoop.Body) -> EventLoop.Timer
    let cancel: (EventLoop.Timer) -> Void

    init(on loop: isolated EventLoop) {
        watch = { loop.watch($0, $1, $2) }
        update = { loop.update($0, $1) }
        unwatch = { loop.unwatch($0) }
        after = { loop.after(ns: Int64($0) &* 1_000_000, $1) }
        cancel = { loop.cancel($0) }
    }
}
