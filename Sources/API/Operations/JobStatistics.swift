public import Bytes
import Postgres

/// Counts of jobs. Of waiting and running jobs nothing is counted past `JobQueries.countBound` for one number, so that a long queue costs no more to
/// look at than a short one. Finished ones are sums that the upkeep worker adds to every few seconds: no row of the history is read.
public struct JobStatistics: Sendable {
    public struct Count: Hashable, Sendable {
        /// A job's state, or `blocked`: available, but an earlier job of its ordering key has not finished.
        public let state: String
        public let kind: String
        public let queue: String
        public var count: Int
        /// There are more.
        public var isCapped: Bool
    }

    public struct Finished: Hashable, Sendable {
        public let state: String
        public let kind: String
        public let count: Int
        /// From enqueue to the last start, ms.
        public let meanWaitMs: Double
        /// From the last start to the end, ms.
        public let meanRunMs: Double
    }

    /// Jobs not finished, by state, kind and queue.
    public let byQueue: [Count]
    /// Since midnight UTC.
    public let finishedToday: [Finished]
    /// In this hour and the 23 before it.
    public let finished24h: [Finished]
    /// `[{"queue","since","by"}]`.
    public let paused: JSONValue

    /// Jobs not finished, by state and kind; `queue` is empty.
    public var waiting: [Count] {
        var sums: [Count] = []
        for item in byQueue {
            if let i = sums.firstIndex(where: { $0.state == item.state && $0.kind == item.kind }) {
                sums[i].count += item.count
                sums[i].isCapped = sums[i].isCapped || item.isCapped
            } else {
                sums.append(Count(state: item.state, kind: item.kind, queue: "", count: item.count, isCapped: item.isCapped))
            }
        }
        return sums
    }

    public func write(to w: inout JSONWriter) {
        w.object { w in
            w.member("bound", JobQueries.countBound)
            w.key("jobs")
            w.array { w in
                for item in waiting {
                    w.object { w in
                        w.member("state", item.state)
                        w.member("kind", item.kind)
                        w.member("count", item.count)
                        w.member("capped", item.isCapped)
                    }
                }
            }
            w.key("finished_today")
            Self.write(finishedToday, &w)
            w.key("finished_24h")
            Self.write(finished24h, &w)
            w.member("paused", paused)
        }
    }

    private static func write(_ counts: [Finished], _ w: inout JSONWriter) {
        w.array { w in
            for item in counts {
                w.object { w in
                    w.member("state", item.state)
                    w.member("kind", item.kind)
                    w.member("count", item.count)
                    w.member("mean_wait_ms", item.meanWaitMs)
                    w.member("mean_run_ms", item.meanRunMs)
                }
            }
        }
    }

    /// Queues that are paused or have jobs: `[{"queue","paused","since","by","available","blocked","scheduled","retryable","running","capped"}]`.
    public var queues: JSONValue {
        var names = Set(byQueue.map(\.queue))
        var pauses: [String: JSONValue] = [:]
        for pause in paused.array ?? [] {
            guard let name = pause["queue"]?.string else { continue }
            names.insert(name)
            pauses[name] = pause
        }
        return .array(
            names.sorted().map { name in
                let mine = byQueue.filter { $0.queue == name }
                let pause = pauses[name]
                var members: [(key: String, value: JSONValue)] = [
                    ("queue", .string(name)), ("paused", .bool(pause != nil || pauses["*"] != nil)),
                    ("since", (pause ?? pauses["*"])?["since"] ?? .null), ("by", (pause ?? pauses["*"])?["by"] ?? .null),
                ]
                for state in ["available", "blocked", "scheduled", "retryable", "running"] {
                    members.append((state, .int(mine.reduce(0) { $0 + ($1.state == state ? $1.count : 0) })))
                }
                members.append(("capped", .bool(mine.contains(where: \.isCapped))))
                return .object(members)
            })
    }
}
