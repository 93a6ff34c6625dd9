public import Bytes

/// One meter's current as a function of time, from its station's sessions: pure, so any step and any order give the same values.
public struct MeterSeries: Sendable {
    /// Measurement noise while charging, as a share of the current.
    static let noiseShare = 0.005
    /// The charger's own consumption while idle, A.
    static let standbyA = 0.05
    /// Resolution of the meter, A.
    static let resolution = 1000.0

    private struct Stay: Sendable {
        var arrival: Timestamp
        var departure: Timestamp
        var curve: ChargeCurve
    }

    public let site: Site
    /// Faults that are in the series, by start; never two at once.
    public private(set) var labels: [AnomalyLabel] = []
    /// Sessions that could not be used: they overlap an earlier one, or the charger cannot deliver their energy in their time.
    public private(set) var skipped = 0
    private var stays: [Stay] = []
    private let noiseSeed: UInt64

    /// Takes the sessions of the site's station among `sessions`, in any order.
    public init(site: Site, sessions: [ChargingSession], mix: AnomalyMix = .none, seed: UInt64 = 1) {
        self.site = site
        var own = SeededRandom(seed: seed, name: site.meterID)
        noiseSeed = own.next()
        let mine = sessions.filter { $0.stationID == site.stationID }.sorted { ($0.arrival, $0.sessionID) < ($1.arrival, $1.sessionID) }
        for session in mine {
            var random = SeededRandom(seed: seed, name: session.sessionID)
            guard session.arrival >= stays.last?.departure ?? session.arrival,
                let curve = ChargeCurve(energyKwh: session.deliveredKwh, seconds: session.seconds, charger: site.charger, preference: random.unit())
            else {
                skipped += 1
                continue
            }
            stays.append(Stay(arrival: session.arrival, departure: session.departure, curve: curve))
        }
        inject(mix)
    }

    /// Stays in the series.
    public var count: Int { stays.count }

    /// Adds one fault, for tests and demonstrations. It must not overlap another.
    public mutating func add(_ label: AnomalyLabel) {
        precondition(label.meterID == site.meterID && !labels.contains { $0.start < label.end && label.start < $0.end }, "overlapping or foreign label")
        labels.append(label)
        labels.sort { $0.start < $1.start }
    }

    /// What the meter reports, A; nil where it is silent.
    public func sample(at t: Timestamp) -> Double? {
        guard let label = label(at: t) else { return measured(t) }
        switch label.kind {
        case .gap: return nil
        case .zero: return 0
        case .frozen: return measured(label.start)
        case .leak: return rounded(label.strength * (1 + Self.noiseShare * noise(t)))
        case .overCurrent: return rounded(site.charger.maxOutputCurrentA * label.strength * (1 + Self.noiseShare * noise(t)))
        case .stepDrop: return rounded(measured(t) * label.strength)
        // Held below the limit, since beyond it the fault would be an over-current as well.
        case .fluctuation: return rounded(min(measured(t) * (1 + label.strength * noise(t)), site.charger.maxOutputCurrentA))
        }
    }

    /// Power drawn without noise and faults, kW.
    public func powerKw(at t: Timestamp) -> Double {
        let i = firstIndex(after: t, in: stays.count) { stays[$0].arrival } - 1
        guard i >= 0, t < stays[i].departure else { return 0 }
        return stays[i].curve.powerKw(at: t.seconds(since: stays[i].arrival))
    }

    // MARK: Inside

    private func measured(_ t: Timestamp) -> Double {
        let a = powerKw(at: t) * 1000 / site.charger.voltage
        return rounded(max(a * (1 + Self.noiseShare * noise(t)), Self.standbyA * (1 + 0.2 * noise(t))))
    }

    /// -1…1, fixed by seed, meter and instant.
    private func noise(_ t: Timestamp) -> Double {
        var random = SeededRandom(seed: noiseSeed, salt: UInt64(bitPattern: t.microseconds))
        return random.between(-1, 1)
    }

    private func rounded(_ a: Double) -> Double { (a * Self.resolution).rounded() / Self.resolution }

    private func label(at t: Timestamp) -> AnomalyLabel? {
        let i = firstIndex(after: t, in: labels.count) { labels[$0].start } - 1
        return i >= 0 && t < labels[i].end ? labels[i] : nil
    }

    private func firstIndex(after t: Timestamp, in count: Int, _ key: (Int) -> Timestamp) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if key(middle) <= t { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func inject(_ mix: AnomalyMix) {
        for (i, stay) in stays.enumerated() {
            let plateau = stay.arrival.adding(seconds: Int64(stay.curve.ramp) + 1)
            if let label = mix.inSession(site.meterID, number: i, plateauFrom: plateau, seconds: stay.curve.plateau) { labels.append(label) }
            guard i + 1 < stays.count else { continue }
            let idle = stays[i + 1].arrival.seconds(since: stay.departure)
            if let label = mix.inIdle(site.meterID, number: i, from: stay.departure, seconds: idle) { labels.append(label) }
        }
    }
}
