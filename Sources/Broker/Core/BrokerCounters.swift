public import Bytes
import Protocol

/// What a broker has done since it started. Only ever grows.
public struct BrokerCounters: Sendable, Equatable {
    public var peersSeen = 0
    public var peersLost = 0
    public var requests = 0
    public var batches = 0
    public var batchesReoffered = 0
    public var refused = 0
    public var expired = 0
    public var lateAnswers = 0
    public var malformed = 0
    public var strangers = 0
    public var enqueued = 0
    public var claims = 0
    public var looks = 0
    public var dispatched = 0
    public var jobsDone = 0
    public var jobsFailed = 0
    public var jobsReleased = 0
    public var jobsDiscarded = 0
    public var jobsCancelled = 0
    public var unknownOutcomes = 0
    /// Given to a worker that never got them.
    public var jobsMissed = 0
    public var fenced = 0
    public var adopted = 0
    public var published = 0
    public var lastValuesFull = 0

    public init() {}

    public func write(to w: inout JSONWriter) {
        w.object { w in
            w.member("peers_seen", peersSeen)
            w.member("peers_lost", peersLost)
            w.member("requests", requests)
            w.member("batches", batches)
            w.member("batches_reoffered", batchesReoffered)
            w.member("refused", refused)
            w.member("expired", expired)
            w.member("late_answers", lateAnswers)
            w.member("malformed", malformed)
            w.member("strangers", strangers)
            w.member("enqueued", enqueued)
            w.member("claims", claims)
            w.member("looks", looks)
            w.member("dispatched", dispatched)
            w.member("jobs_done", jobsDone)
            w.member("jobs_failed", jobsFailed)
            w.member("jobs_released", jobsReleased)
            w.member("jobs_discarded", jobsDiscarded)
            w.member("jobs_cancelled", jobsCancelled)
            w.member("unknown_outcomes", unknownOutcomes)
            w.member("jobs_missed", jobsMissed)
            w.member("fenced", fenced)
            w.member("adopted", adopted)
            w.member("published", published)
            w.member("last_values_full", lastValuesFull)
        }
    }
}

extension BrokerCore {
    /// What the workers of this broker serve: `{"kind": {"workers", "window", "free"}}`.
    public func serves() -> [UInt8] {
        var w = JSONWriter(capacity: 256)
        w.object { w in
            for (name, kind) in kinds.sorted(by: { $0.key < $1.key }) where !kind.workers.isEmpty {
                w.key(name)
                w.object { w in
                    w.member("workers", kind.workers.count)
                    w.member("window", kind.workers.reduce(0) { $0 + (peers[$1]?.windows.jobs ?? 0) })
                    w.member("free", freeSlots(kind))
                }
            }
        }
        return w.bytes
    }

    /// Peers, queues and counters as JSON, for operators.
    public func inspection() -> [UInt8] {
        var w = JSONWriter(capacity: 2_048)
        w.object { w in
            w.member("broker", name)
            w.member("epoch", Int(epoch))
            w.member("stopping", isStopping)
            w.key("peers")
            w.array { w in
                for peer in peers.values {
                    w.object { w in
                        w.member("name", peer.hello.name)
                        w.member("role", peer.hello.role.rawValue)
                        w.member("kinds", .array(peer.hello.kinds.map(JSONValue.string)))
                        w.member("jobs", peer.jobs)
                        w.member("jobs_window", peer.windows.jobs)
                        w.member("batches", peer.batches)
                        w.member("requests", peer.requests)
                    }
                }
            }
            w.key("kinds")
            w.object { w in
                for (name, kind) in kinds {
                    w.key(name)
                    w.object { w in
                        w.member("workers", kind.workers.count)
                        w.member("ready", kind.ready.count)
                    }
                }
            }
            w.member("running", running.count)
            w.member("calls", calls.count)
            w.member("held_bytes", heldBytes)
            w.member("pending_inserts", pendingInserts)
            w.key("topics")
            topics.write(to: &w)
            w.key("counters")
            counters.write(to: &w)
        }
        return w.bytes
    }
}
