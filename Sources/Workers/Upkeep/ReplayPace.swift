/// How many jobs a replay may make now, so that it keeps its rate: it starts with nothing, and saves up at most a quarter of a second.
package struct ReplayPace {
    /// What can be made up for after a pause, s.
    static let burstS = 0.25
    /// What is worth a step, s of the rate: each step begins with a look at what it will walk, however few it makes.
    static let stepS = 0.04
    /// Jobs of one step: what waits behind them waits no longer than they take.
    package static let maxStep = 200

    /// Jobs a second.
    package var perSecond: Double
    private var tokens = 0.0
    private var refilledNs: Int64
    private var pausedUntilNs: Int64 = .min

    package init(perSecond: Double, nowNs: Int64) {
        self.perSecond = perSecond
        refilledNs = nowNs
    }

    /// How many the next step may make; 0: not yet.
    package mutating func allowance(nowNs: Int64) -> Int {
        let elapsedS = Double(max(0, nowNs - refilledNs)) / 1e9
        tokens = min(tokens + elapsedS * perSecond, max(1, perSecond * Self.burstS))
        refilledNs = nowNs
        guard nowNs >= pausedUntilNs, tokens >= min(Double(Self.maxStep), max(1, perSecond * Self.stepS)) else { return 0 }
        return min(Self.maxStep, Int(tokens))
    }

    package mutating func spend(_ made: Int) { tokens -= Double(made) }

    /// Makes nothing until then, whatever is saved up.
    package mutating func pause(untilNs: Int64) { pausedUntilNs = untilNs }
}
