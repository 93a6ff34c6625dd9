import Bytes
import Synchronization

/// Shows the progress of the demo's history in quarters, once each.
final class LastShown: Sendable {
    private let quarter = Mutex<Int64>(0)

    func show(_ time: Timestamp, _ rows: Int, from start: Timestamp, to end: Timestamp) {
        let span = max(1, end.microseconds - start.microseconds)
        let now = min(4, (time.microseconds - start.microseconds) * 4 / span)
        let isNew = quarter.withLock { last in
            defer { last = max(last, now) }
            return now > last
        }
        if isNew { UpCommand.step(now == 4 ? "history played in (\(rows) readings); live from here" : "history \(now * 25) % (\(rows) readings)") }
    }
}
