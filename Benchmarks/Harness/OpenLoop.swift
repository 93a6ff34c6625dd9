import Reactor

/// Requests offered at a steady rate, however long earlier ones take: each counts from when it was due, so a stall shows in every one it held up.
enum OpenLoop {
    /// Calls `body` with each number and the monotonic time it is due.
    static func offer(_ count: Int, perSecond: Int, on loop: isolated EventLoop, _ body: (Int, Int64) throws -> Void) async throws {
        let interval = 1_000_000_000 / Int64(perSecond)
        let start = Clock.monotonicNs + interval
        for n in 0..<count {
            let due = start + Int64(n) * interval
            let now = Clock.monotonicNs
            if due > now { await loop.sleep(ns: due - now) }
            try body(n, due)
        }
    }

    /// Of values in order; `share` from 0 to 1.
    static func percentile(_ sorted: [Double], _ share: Double) -> Double { sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] }
}
