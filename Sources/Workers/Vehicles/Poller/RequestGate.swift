/// How many requests may be on their way at the same time; the others wait in their order.
final class RequestGate {
    private let most: Int
    private var inside = 0
    private var waiting: [UnsafeContinuation<Void, Never>] = []
    private var head = 0

    init(most: Int) { self.most = most }

    var isWaitedFor: Bool { head < waiting.count }
    private(set) var mostSeen = 0

    /// Suspends until there is room; `leave` must follow.
    func enter() async {
        if inside >= most || isWaitedFor {
            // Its place is kept by the one who leaves.
            await withUnsafeContinuation { waiter in
                // Somebody may have left between the look and the suspension.
                if inside < most, !isWaitedFor {
                    inside += 1
                    waiter.resume()
                } else {
                    waiting.append(waiter)
                }
            }
        } else {
            inside += 1
        }
        mostSeen = max(mostSeen, inside)
    }

    func leave() {
        guard isWaitedFor else {
            inside -= 1
            return
        }
        let next = waiting[head]
        head += 1
        if head == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            head = 0
        }
        next.resume()
    }
}
