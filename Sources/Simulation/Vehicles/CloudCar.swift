public import Bytes

/// A car of the vehicle cloud: what it is called, what it lives, and whether it sleeps. It sleeps once nothing has happened to it and nobody has
/// asked for its data for some minutes.
public final class CloudCar {
    public enum State: String, Sendable {
        case online, asleep, offline
    }

    /// In the list and in paths; changes with `renumber`.
    public internal(set) var id: Int64
    /// In the stream.
    public let vehicleID: Int64
    public let vin: String
    public var name: String
    public let timeline: Timeline
    /// Whose list it is in.
    public internal(set) var account = 0
    /// Quiet for so many seconds, and it sleeps.
    public var sleepsAfterSeconds = 660.0
    /// Whether it is at a service centre: `vehicle_data` is answered 405.
    public var isInService = false
    /// Chinese cars give their place in GCJ-02 besides.
    public var isChinese = true

    /// When its data was given last, and when somebody woke it.
    private var askedAt: Timestamp?
    private var wokenAt: Timestamp?

    /// Between `wake_up` and the first answer.
    static let wakeSeconds = 4.0

    public init(_ timeline: Timeline, id: Int64, vehicleID: Int64, vin: String, name: String) {
        self.timeline = timeline
        self.id = id
        self.vehicleID = vehicleID
        self.vin = vin
        self.name = name
    }

    /// How it is, what it says of its state, and whether it only pretends to be awake.
    public func look(_ t: Timestamp) -> (state: State, isFakeWake: Bool, condition: CarCondition) {
        let now = timeline.condition(at: t)
        if now.isOffline { return (.offline, false, now) }
        guard let quiet = now.quietSince else { return (.online, false, now) }
        var since = quiet
        if let askedAt { since = max(since, askedAt) }
        if let wokenAt, wokenAt <= t { since = max(since, wokenAt) }
        if t.seconds(since: since) < sleepsAfterSeconds { return (.online, false, now) }
        return now.isFakeWake ? (.online, true, now) : (.asleep, false, now)
    }

    // MARK: Answers

    /// The body of `vehicle_data`, all of it, and what follows from having asked: for replays without sockets. nil: 408.
    public func data(at t: Timestamp) -> [UInt8]? { data(at: t, [.usual, .location, .closures]) }

    /// - Parameter lag: so many seconds the car's own times are behind.
    func data(at t: Timestamp, _ parts: VehicleDataWriter.Parts, lag: Double = 0) -> [UInt8]? {
        let look = look(t)
        guard look.state == .online else { return nil }
        // That keeps it awake.
        askedAt = t
        let writer = VehicleDataWriter(car: self, now: look.condition, at: t.adding(microseconds: -Int64(lag * 1e6)))
        var w = JSONWriter(capacity: 4_096)
        w.object { w in
            w.key("response")
            writer.write(parts, to: &w)
        }
        return w.bytes
    }

    /// The body of `GET /api/1/vehicles/{id}`; wakes nobody.
    public func summary(at t: Timestamp, state: String? = nil) -> [UInt8] {
        var w = JSONWriter(capacity: 512)
        w.object { w in
            w.key("response")
            w.object { VehicleDataWriter.identity(self, state ?? look(t).state.rawValue, to: &$0) }
        }
        return w.bytes
    }

    /// A frame's value, 13 fields; nil while it is asleep or offline.
    public func frame(at t: Timestamp) -> String? {
        let look = look(t)
        return look.state == .online ? FrameText(look.condition, isFakeWake: look.isFakeWake).value : nil
    }

    /// `wake_up`: it takes some seconds.
    public func wake(_ t: Timestamp) {
        if look(t).state == .asleep { wokenAt = t.adding(microseconds: Int64(Self.wakeSeconds * 1e6)) }
    }
}
