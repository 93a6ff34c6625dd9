/// Where handlers wait until the test lets them go on. Lives on one loop.
final class Gate {
    private var waiting: [UnsafeContinuation<Void, Never>] = []
    private var isOpen = false

    func pass() async {
        await withUnsafeContinuation { continuation in
            if isOpen { continuation.resume() } else { waiting.append(continuation) }
        }
    }

    /// Lets those go on that wait now.
    func release() {
        let released = waiting
        waiting = []
        for continuation in released { continuation.resume() }
    }

    /// Nobody waits from here on.
    func open() {
        isOpen = true
        release()
    }
}
