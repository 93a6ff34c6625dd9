import Reactor

/// Something that one task waits for, with a limit. Lives on one loop.
final class KitSignal {
    private var waiter: UnsafeContinuation<Void, Never>?
    private var turn = 0
    private var hasFired = false

    /// Returns when it is fired, or after so long at the latest.
    func wait(ns: Int64, on loop: isolated EventLoop) async {
        precondition(waiter == nil, "two tasks wait for one signal")
        turn += 1
        let mine = turn
        hasFired = false
        let timer = loop.after(ns: ns) { if self.turn == mine { self.fire() } }
        // It may be fired while the task is queued on its way in here.
        await withUnsafeContinuation { continuation in
            if hasFired { continuation.resume() } else { waiter = continuation }
        }
        loop.cancel(timer)
    }

    func fire() {
        hasFired = true
        guard let waiting = waiter else { return }
        waiter = nil
        waiting.resume()
    }
}
