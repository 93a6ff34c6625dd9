public import Bytes

/// Where a request goes.
public enum CloudEndpoint: String, Hashable, Sendable, CaseIterable {
    case token, products, vehicles, vehicle
    case vehicleData = "vehicle_data"
    case wakeUp = "wake_up"
    case stream
}

/// How a request fails, or how its answer is spoilt. Texts and times are those seen in the wild.
public enum CloudFault: Hashable, Sendable {
    /// 408 after 9.1 s: the car is there and does not answer.
    case slowTimeout
    /// 408 at once: offline or asleep, whatever the car says.
    case unavailable
    /// 429 with `Retry-After` in seconds.
    case limited(retryAfter: Int)
    case unauthorized
    /// 403: the token was made wrongly; or the account has no more requests.
    case forbidden
    case overLimit
    /// 404, 405, 412.
    case notFound
    case inService
    case retired
    /// 500, 502, 503, 540 and the like, in plain text.
    case status(Int)
    /// 504 `upstream_timeout`.
    case gatewayTimeout
    /// No answer until the client goes, or for so many seconds; then the connection is cut.
    case hang(seconds: Double)
    /// A 200 whose JSON ends in the middle, though its length is right.
    case truncated
    /// The connection ends before the first byte of the answer, or in the middle of its body.
    case cut
    case cutInBody
    /// The car's own times are so many seconds behind; ahead when negative.
    case stale(seconds: Double)
    /// One member of the answer is replaced; `path` starts below `response`. A nil value takes the member out.
    case member(path: [String], JSONValue?)
    /// Bytes instead of JSON, with status 200.
    case text(String)
    /// What the car says of its state in the list and the summary.
    case state(String)
}

/// What happens to a subscription's frames.
public enum StreamFault: Hashable, Sendable {
    /// The frame is sent twice.
    case duplicate
    /// The frame comes after the next one.
    case late
    /// The frame's time is so many seconds behind.
    case stale(seconds: Double)
    /// One of its 13 fields, counted from 0, is this text.
    case field(Int, String)
    /// This instead of the frame's value.
    case value(String)
    /// Not sent at all.
    case lost
    /// Messages of type `data:error`.
    case vehicleDisconnected
    case vehicleOffline
    case invalidToken
    case ownerAPI
    /// The connection is cut.
    case cut
    /// No JSON.
    case garbage
}

/// Faults to come: each for one car or all, for so many times or while a window lasts. The first that fits is taken.
public struct FaultPlan<Fault: Hashable & Sendable>: Sendable {
    struct Rule {
        var fault: Fault
        var car: Int64?
        var endpoint: CloudEndpoint?
        /// Left to pass over, and left to spoil; nil: as long as the window lasts.
        var skip: Int
        var times: Int?
        var window: Range<Timestamp>?
    }

    private var rules: [Rule] = []

    public var isEmpty: Bool { rules.isEmpty }

    /// - Parameters:
    ///   - car: its id; nil: every one.
    ///   - endpoint: nil: every one of a car's own.
    ///   - skip: so many requests pass first.
    ///   - times: nil: all of them.
    ///   - window: in the cloud's time.
    public mutating func add(
        _ fault: Fault, car: Int64? = nil, endpoint: CloudEndpoint? = nil, skip: Int = 0, times: Int? = 1, window: Range<Timestamp>? = nil
    ) {
        rules.append(Rule(fault: fault, car: car, endpoint: endpoint, skip: skip, times: times, window: window))
    }

    public mutating func removeAll() { rules = [] }

    mutating func take(car: Int64?, endpoint: CloudEndpoint, at t: Timestamp) -> Fault? {
        guard !rules.isEmpty else { return nil }
        for i in rules.indices {
            let rule = rules[i]
            if let wanted = rule.car, wanted != car { continue }
            if let wanted = rule.endpoint, wanted != endpoint { continue }
            // Without an endpoint it is meant for cars, not for tokens.
            if rule.endpoint == nil, endpoint == .token { continue }
            if let window = rule.window, !window.contains(t) { continue }
            if rule.skip > 0 {
                rules[i].skip -= 1
                continue
            }
            if let times = rule.times {
                if times <= 1 { rules.remove(at: i) } else { rules[i].times = times - 1 }
            }
            return rule.fault
        }
        return nil
    }
}
