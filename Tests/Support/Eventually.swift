package import Reactor

/// Something a test waits for: looked at again whenever the loop has run what it had.
package func eventually(_ what: String, seconds: Double = 20, on loop: isolated EventLoop, _ holds: () async throws -> Bool) async throws {
    let limit = Clock.monotonicNs + Int64(seconds * 1e9)
    while try await !holds() {
        if Clock.monotonicNs > limit { throw Overdue(what: what) }
        await loop.sleep(ns: 5_000_000)
    }
}

package struct Overdue: Error, CustomStringConvertible {
    package let what: String
    package init(what: String) { self.what = what }
    package var description: String { "not there in time: \(what)" }
}
