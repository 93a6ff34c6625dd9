public import Bytes

/// Judges one meter's readings as they come: charging or not, pattern, anomaly, warning level. Pure and O(1) per reading.
///
/// Rules and figures: reference/prediction.md §1.5; each threshold is a constant of its rule. When several rules hold at once the first
/// of `AnomalyClass` in its declared order wins. Readings that an anomaly touches do not teach the levels they are measured against.
public struct Detector: Sendable {
    /// Magnitudes beyond this are taken as this, A: no charger comes near, and squares stay finite.
    static let maxCurrentA = 1e6

    /// May change while a meter runs: sites are edited.
    public var limits: MeterLimits
    public let settings: PredictionSettings

    /// The newest reading judged; anything not after it is ignored.
    public private(set) var watermark: Timestamp?
    public private(set) var isCharging = false
    private var currentA = 0.0
    private var warning = WarningLevel.unknown
    private var cadence = Cadence()
    private var level = SessionLevel()
    private var phase = ChargePhase()
    private var wasTaper = false
    private var over = OverCurrentRule()
    private var leak = LeakRule()
    private var fluctuation = FluctuationRule()
    private var drop = StepDropRule()
    private var stuck = StuckRule()
    private var high = HighValueRule()
    private var episodes = EpisodeLedger()
    private var scorer: StreamScore

    public init(limits: MeterLimits, settings: PredictionSettings = PredictionSettings()) {
        self.limits = limits
        self.settings = settings
        scorer = StreamScore(offset: settings.offset)
    }

    /// Judges the next reading. Late, duplicate and non-finite readings are ignored without a trace.
    public mutating func on(_ reading: Reading) -> Judgement {
        guard reading.currentA.isFinite else { return .ignored(.notFinite) }
        if let watermark, reading.timestamp <= watermark { return .ignored(.late) }
        let step = advance(to: reading)
        let score = scorer.on(step.time, step.currentA)

        let gap = isGap(step)
        var findings = judge(step)
        findings.missing = gap
        let pattern = phase.label(step, level, isFluctuating: findings.fluctuation != nil)
        wasTaper = pattern == .taper
        isCharging = step.isCharging

        var verdict = Verdict(
            timestamp: step.time, currentA: step.currentA, isCharging: step.isCharging && !leak.isActive,
            pattern: leak.isActive ? .idle : pattern, anomaly: .none, confidence: max(0.5, 0.99 - 0.5 * score), isNewEpisode: false,
            level: .green, score: score)
        // What is left of a worse anomaly is not announced as a high value of its own.
        let isExplained = [AnomalyClass.overCurrent, .fluctuation].contains { episodes.isRecent($0, at: step.time, usualSeconds: cadence.usualSeconds) }
        if isExplained { findings.high = nil }
        if let (anomaly, confidence) = findings.worst {
            verdict.anomaly = anomaly
            verdict.confidence = confidence
        }
        verdict.isNewEpisode = episodes.see(verdict.anomaly, at: step.time, usualSeconds: cadence.usualSeconds)
        verdict.level = WarningLevel.of(currentA: step.currentA, limits: limits, anomaly: verdict.anomaly)
        warning = verdict.level
        return .verdict(verdict)
    }

    /// Looks for silence without a reading: a 数据缺失 verdict when a charging meter has been silent for longer than its gap bound, else nil.
    /// Call it now and then; the episode is the same one that the next reading would open.
    public mutating func onSilence(at now: Timestamp) -> Verdict? {
        guard let watermark, isCharging, !leak.isActive else { return nil }
        let silence = now.seconds(since: watermark)
        guard silence > cadence.gapSeconds else { return nil }
        let isNew = episodes.see(.missingData, at: now, usualSeconds: cadence.usualSeconds)
        return Verdict(
            timestamp: now, currentA: currentA, isCharging: true, pattern: .charging, anomaly: .missingData,
            confidence: Confidence.past(silence, cadence.gapSeconds), isNewEpisode: isNew, level: warning(at: now), score: 0)
    }

    /// The level of the newest reading, or `unknown` once it is older than the stale limit.
    public func warning(at now: Timestamp) -> WarningLevel {
        guard let watermark, now.seconds(since: watermark) <= settings.staleSeconds else { return .unknown }
        return warning
    }

    // MARK: Inside

    private struct Findings {
        var over: Double?
        var leak: Double?
        var missing: Double?
        var fluctuation: Double?
        var stuck: Double?
        var drop: Double?
        var high: Double?

        /// The first that holds, in the declared order of the classes.
        var worst: (AnomalyClass, Double)? {
            if let over { return (.overCurrent, over) }
            if let leak { return (.leak, leak) }
            if let missing { return (.missingData, missing) }
            if let stuck { return (.stuck, stuck) }
            if let fluctuation { return (.fluctuation, fluctuation) }
            if let drop { return (.stepDrop, drop) }
            if let high { return (.highValue, high) }
            return nil
        }
    }

    /// Moves the watermark and says how the reading follows the one before it.
    private mutating func advance(to reading: Reading) -> Step {
        let a = min(reading.currentA.magnitude, Self.maxCurrentA)
        var step = Step(time: reading.timestamp, currentA: a, previousA: currentA, seconds: 0, wasCharging: isCharging, isCharging: false, isBroken: true)
        if let watermark {
            step.seconds = max(0, reading.timestamp.seconds(since: watermark))
            step.isBroken = step.seconds > cadence.gapSeconds
            cadence.learn(step.seconds)
        }
        step.isCharging = ChargingThreshold.next(isCharging, a)
        watermark = reading.timestamp
        currentA = a
        return step
    }

    private func isGap(_ step: Step) -> Double? {
        guard step.isBroken, step.wasCharging, !leak.isActive, step.seconds > 0 else { return nil }
        return Confidence.past(step.seconds, cadence.gapSeconds)
    }

    /// Runs every rule, since each keeps its own memory, then lets the levels learn what none of them claims.
    private mutating func judge(_ step: Step) -> Findings {
        var f = Findings()
        f.stuck = stuck.on(step, level, isTaper: wasTaper)
        if step.wasCharging && (step.stops || step.isBroken) { level.end() }
        if step.starts || step.isBroken && step.isCharging { level.begin(step) }
        level.note(step.currentA)

        f.over = over.on(step, limits)
        let wasLeak = leak.isActive
        f.leak = leak.on(step, peakA: level.peak)
        if wasLeak && !leak.isActive && step.isCharging { level.begin(step) }
        f.fluctuation = fluctuation.on(step, level)
        f.drop = drop.on(step, level, isTaper: wasTaper, reversals: fluctuation.reversalCount)
        let isOver = OverCurrentRule.isOver(step.currentA, limits)
        f.high = isOver || f.fluctuation != nil ? nil : high.on(step, &level, reversals: fluctuation.reversalCount)

        if f.drop != nil { level.rebase(step.currentA) }
        if step.continues && !leak.isActive && !isOver && !drop.isPending && !high.isPending { level.learn(step) }
        return f
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&watermark)
        io.field(&isCharging)
        io.field(&currentA)
        io.require(currentA >= 0 && currentA <= Self.maxCurrentA)
        var code = warning.code
        io.field(&code)
        if let level = WarningLevel(code: code) { warning = level } else { io.fail() }
        io.field(&wasTaper)
        cadence.fields(&io)
        level.fields(&io)
        phase.fields(&io)
        over.fields(&io)
        leak.fields(&io)
        fluctuation.fields(&io)
        drop.fields(&io)
        stuck.fields(&io)
        high.fields(&io)
        episodes.fields(&io)
        scorer.fields(&io)
    }
}
