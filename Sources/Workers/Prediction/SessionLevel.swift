import Bytes

/// The levels of the running session: a quick and a slow mean, the highest steady one, the usual noise, and the top of earlier sessions.
struct SessionLevel: Sendable {
    static let fastRate = 0.3
    static let slowRate = 0.05
    /// Two readings within this share of one another are steady.
    static let steadyShare = 0.02
    /// A ramp ends at the latest after this, seconds: IEC 61851-1 vehicles follow the offered current within seconds, converters within a minute or two.
    static let rampSeconds = 180.0
    /// Readings after the ramp until the level can be relied on.
    static let settledReadings: UInt32 = 3
    /// Per session, so that a changed fleet of vehicles is followed.
    static let historyDecay = 0.98
    /// Sessions until `historyTop` counts.
    static let historySessions: UInt32 = 5
    static let noiseRate = 0.05

    private(set) var since: Timestamp?
    private(set) var fast = 0.0
    private(set) var slow = 0.0
    private(set) var top = 0.0
    private(set) var peak = 0.0
    private(set) var noise = 0.0
    private(set) var isRamping = false
    private(set) var readings: UInt32 = 0
    private var steadyRun: UInt8 = 0
    private var historyTop = 0.0
    private var sessions: UInt32 = 0

    /// Whether the level is known well enough to measure steps against it.
    var isSettled: Bool { !isRamping && readings >= Self.settledReadings }

    /// What a high current is measured against: the session's own steady top and, once known, the meter's; 0 where there is nothing to go by.
    /// Between sparse readings one vehicle may follow another unseen, so then the session's top alone does not count.
    func reference(isSparse: Bool) -> Double {
        if sessions >= Self.historySessions { return max(top, historyTop) }
        return isSparse ? 0 : top
    }

    mutating func begin(_ step: Step) {
        since = step.time
        rebase(step.currentA)
        top = 0
        peak = step.currentA
        readings = 0
        steadyRun = 0
        isRamping = true
    }

    mutating func end() {
        since = nil
        isRamping = false
        guard top > 0 else { return }
        historyTop = max(top, historyTop * Self.historyDecay)
        if sessions < .max { sessions += 1 }
    }

    /// Takes a new level at once, after a step that is known to be one.
    mutating func rebase(_ currentA: Double) {
        fast = currentA
        slow = currentA
    }

    /// Takes a level that was held long enough to be no anomaly any more.
    mutating func accept(_ currentA: Double) {
        rebase(currentA)
        top = max(top, currentA)
    }

    /// Notes that a current occurred, anomalous or not.
    mutating func note(_ currentA: Double) { peak = max(peak, currentA) }

    /// Learns a reading within a session. Anomalous readings must not come here: the level before them is what they are measured against.
    mutating func learn(_ step: Step) {
        let a = step.currentA
        let isSteady = step.delta.magnitude <= Self.steadyShare * a
        if isSteady { noise += Self.noiseRate * (step.delta.magnitude - noise) }
        if isRamping {
            rebase(a)
            steadyRun = isSteady ? steadyRun + 1 : 0
            let age = since.map { step.time.seconds(since: $0) } ?? 0
            if steadyRun >= 2 || age > Self.rampSeconds {
                isRamping = false
                readings = 0
                // With a history, the top must first prove not to be high against it.
                if sessions < Self.historySessions { top = a }
            }
            return
        }
        if readings < .max { readings += 1 }
        fast += Self.fastRate * (a - fast)
        slow += Self.slowRate * (a - slow)
        if isSettled && (fast - slow).magnitude <= Self.steadyShare * slow { top = max(top, slow) }
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&since)
        io.field(&fast)
        io.field(&slow)
        io.field(&top)
        io.field(&peak)
        io.field(&noise)
        io.field(&isRamping)
        io.field(&readings)
        io.field(&steadyRun)
        io.field(&historyTop)
        io.field(&sessions)
        io.require(steadyRun <= 2)
        io.require(min(fast, slow, top, peak, noise, historyTop) >= 0)
    }
}
