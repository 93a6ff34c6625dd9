import Bytes
import Testing

@testable import Workers

struct RuleTests {
    @Test(arguments: [(0.0, false), (0.5, false), (0.6, false), (0.7, true), (32, true), (-32, true)])
    func `charging begins above 0.6 A of either sign`(_ currentA: Double, _ expected: Bool) {
        var feed = Feed()
        feed.idle(5)
        feed.one(currentA)
        #expect(feed.last.isCharging == expected)
    }

    @Test func `charging ends below 0.4 A and not at 0.5 A`() {
        var feed = Feed()
        feed.start(30)
        feed.one(0.5)
        #expect(feed.last.isCharging)
        feed.one(0.39)
        #expect(!feed.last.isCharging)
        feed.one(0.5)
        #expect(!feed.last.isCharging)
    }

    @Test(arguments: [
        (100.0, WarningLevel.green), (179, .green), (180, .yellow), (209.9, .yellow), (210, .yellow), (210.1, .red), (500, .red),
    ])
    func `the level follows the share of the rated current`(_ currentA: Double, _ expected: WarningLevel) {
        #expect(WarningLevel.of(currentA: currentA, limits: MeterLimits(maxOutputCurrentA: 200)) == expected)
    }

    @Test(arguments: AnomalyClass.allCases)
    func `critical anomalies are red and the others yellow`(_ anomaly: AnomalyClass) {
        let expected: WarningLevel = anomaly == .none ? .green : anomaly == .overCurrent || anomaly == .leak ? .red : .yellow
        #expect(WarningLevel.of(currentA: 1, limits: MeterLimits(maxOutputCurrentA: 200), anomaly: anomaly) == expected)
    }

    @Test(arguments: [
        (MeterLimits(maxInputCurrentA: 250, maxOutputCurrentA: 200), 200.0 as Double?), (MeterLimits(maxInputCurrentA: 250), 250),
        (MeterLimits(ratedPowerKw: 60), nil), (MeterLimits(maxOutputCurrentA: 0), nil), (MeterLimits(maxOutputCurrentA: .nan), nil),
    ])
    func `the rated current is the output limit or else the input limit`(_ limits: MeterLimits, _ expected: Double?) {
        #expect(limits.ratedCurrentA == expected)
    }

    @Test(arguments: [(1, 5, false), (1, 6, true), (2, 3, false), (2, 4, true), (10, 1, false), (10, 2, true), (60, 2, true)])
    func `over-current needs 5 s and two readings`(_ step: Int, _ readings: Int, _ expected: Bool) {
        var feed = Feed(step: Int64(step))
        feed.start(150)
        for _ in 0..<readings { feed.one(215) }
        #expect(feed.episodes == (expected ? [.overCurrent] : []))
        #expect(feed.last.level == .red)
    }

    @Test func `over-current is impossible without limits`() {
        var feed = Feed(limits: MeterLimits())
        feed.start(150)
        for _ in 0..<10 { feed.one(170) }
        #expect(feed.episodes == [])
        #expect(feed.last.level == .green)
    }

    @Test func `an over-current that clears does not look like a step drop`() {
        var feed = Feed()
        feed.start(120)
        feed.hold(250, 30)
        feed.hold(120, 60)
        #expect(feed.episodes == [.overCurrent])
    }

    @Test(arguments: [(0.75, []), (0.65, [AnomalyClass.stepDrop]), (0.4, [.stepDrop]), (0.0, [])])
    func `a step down is announced past 30 percent unless it ends the session`(_ share: Double, _ expected: [AnomalyClass]) {
        var feed = Feed()
        feed.start(100)
        feed.hold(100 * share, 40)
        #expect(feed.episodes == expected)
    }

    @Test func `a taper is labelled and is no step drop`() {
        var feed = Feed()
        feed.start(100)
        #expect(feed.last.pattern == .constantCurrent)
        var current = 100.0
        while current > 10 {
            feed.hold(current, 1)
            current *= 0.985
        }
        #expect(feed.last.pattern == .taper)
        feed.idle(3)
        #expect(feed.last.pattern == .idle)
        #expect(feed.episodes == [])
    }

    @Test func `a start is a ramp and then constant current`() {
        var feed = Feed()
        feed.idle(3)
        #expect(feed.last.pattern == .idle)
        feed.one(20)
        #expect(feed.last.pattern == .ramp)
        feed.one(80)
        #expect(feed.last.pattern == .ramp)
        feed.hold(100, 10)
        #expect(feed.last.pattern == .constantCurrent)
    }

    @Test func `a leak is announced once, is red, and is not charging`() {
        var feed = Feed()
        feed.idle()
        feed.hold(1.5, 100)
        #expect(feed.episodes == [.leak])
        #expect(feed.last.level == .red)
        #expect(!feed.last.isCharging)
        #expect(feed.last.pattern == .idle)
    }

    @Test func `a session that starts from a leak is a session`() {
        var feed = Feed()
        feed.idle()
        feed.hold(1.5, 20)
        feed.hold(30, 20)
        #expect(feed.last.isCharging)
        #expect(feed.last.anomaly == .none)
    }

    @Test func `a jump above everything this session has shown is a high value`() {
        var feed = Feed()
        feed.start(100)
        feed.hold(140, 10)
        #expect(feed.episodes == [.highValue])
        #expect(feed.last.level == .yellow)
    }

    @Test func `a level held long enough is usual again`() {
        var feed = Feed()
        feed.start(100)
        feed.hold(140, 200)
        #expect(feed.last.anomaly == .none)
        #expect(feed.episodes == [.highValue])
    }

    @Test func `one spike is no anomaly`() {
        var feed = Feed()
        feed.start(100)
        feed.one(150)
        feed.hold(100, 10)
        #expect(feed.episodes == [])
    }

    @Test func `swings of a quarter are a fluctuation and small noise is not`() {
        var feed = Feed()
        feed.start(100)
        feed.hold(100, 30)
        #expect(feed.episodes == [])
        for i in 0..<40 { feed.one(i % 2 == 0 ? 75 : 125) }
        #expect(feed.episodes == [.fluctuation])
    }

    @Test func `a value frozen for longer than chance allows is stuck`() {
        var feed = Feed()
        feed.start(100)
        for _ in 0..<40 { feed.one(100.2) }
        #expect(feed.episodes == [.stuck])
    }

    @Test func `a meter whose values often repeat is not called stuck for it`() {
        var feed = Feed()
        feed.start(100, steady: 0)
        for i in 0..<600 { feed.one(i / 20 % 2 == 0 ? 100 : 101) }
        for _ in 0..<60 { feed.one(100) }
        #expect(feed.episodes == [])
    }

    @Test(arguments: [(6, [AnomalyClass.stuck]), (40, [])])
    func `a drop to nothing that comes back within two minutes is announced`(_ zeros: Int, _ expected: [AnomalyClass]) {
        var feed = Feed()
        feed.start(100)
        feed.idle(zeros)
        feed.hold(100, 20)
        #expect(feed.episodes == expected)
    }

    @Test(arguments: [(20, []), (59, []), (61, [AnomalyClass.missingData]), (3600, [.missingData])])
    func `a gap while charging is announced past five usual intervals`(_ seconds: Int, _ expected: [AnomalyClass]) {
        var feed = Feed()
        feed.start(100)
        feed.skip(Int64(seconds - 10))
        feed.hold(100, 20)
        #expect(feed.episodes == expected)
    }

    @Test func `a gap while idle is none`() {
        var feed = Feed()
        feed.idle()
        feed.skip(86_400)
        feed.idle()
        #expect(feed.episodes == [])
    }

    @Test func `silence is announced without a reading and only once`() {
        var feed = Feed()
        feed.start(100)
        #expect(feed.detector.onSilence(at: feed.time.adding(seconds: 30)) == nil)
        #expect(feed.detector.onSilence(at: feed.time.adding(seconds: 100))?.isNewEpisode == true)
        #expect(feed.detector.onSilence(at: feed.time.adding(seconds: 200))?.isNewEpisode == false)
        feed.skip(300)
        feed.hold(100, 5)
        #expect(feed.episodes == [])
    }

    @Test func `an unheard or stale meter has an unknown level`() {
        var feed = Feed()
        #expect(feed.detector.warning(at: feed.time) == .unknown)
        feed.start(100)
        #expect(feed.detector.warning(at: feed.time.adding(seconds: 900)) == .green)
        #expect(feed.detector.warning(at: feed.time.adding(seconds: 901)) == .unknown)
    }

    @Test func `an episode is announced again only after it was absent`() {
        var feed = Feed()
        feed.start(120)
        feed.hold(250, 5)
        feed.hold(120, 5)
        feed.hold(250, 5)
        #expect(feed.episodes == [.overCurrent])
        feed.hold(120, 40)
        feed.hold(250, 5)
        #expect(feed.episodes == [.overCurrent, .overCurrent])
    }

    @Test func `late, equal and non-finite readings are ignored without a trace`() {
        var state = MeterState(limits: MeterLimits(maxOutputCurrentA: 200))
        let t = Timestamp(seconds: 1_750_000_000)
        _ = state.on(Reading(timestamp: t, currentA: 10))
        let before = state.encoded()
        #expect(state.on(Reading(timestamp: t, currentA: 500)) == .ignored(.late))
        #expect(state.on(Reading(timestamp: t.adding(seconds: -60), currentA: 500)) == .ignored(.late))
        #expect(state.on(Reading(timestamp: t.adding(seconds: 60), currentA: .nan)) == .ignored(.notFinite))
        #expect(state.on(Reading(timestamp: t.adding(seconds: 60), currentA: .infinity)) == .ignored(.notFinite))
        #expect(state.encoded() == before)
    }

    @Test func `confidence is within 0 and 1 for every verdict of a wild series`() {
        var feed = Feed()
        var x: UInt64 = 42
        for _ in 0..<5000 {
            x = x &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            feed.one(Double(x >> 40) / 10_000 * (x & 1 == 0 ? 1 : -1) * (x & 0x70 == 0 ? 1e18 : 1))
            if x & 0xFF00 == 0 { feed.skip(Int64(x & 0xFFFF)) }
        }
        #expect(feed.verdicts.count == 5000)
        #expect(feed.verdicts.allSatisfy { (0...1).contains($0.confidence) && (0...1).contains($0.score) })
        #expect(feed.verdicts.allSatisfy { !$0.isNewEpisode || $0.anomaly != .none })
    }
}
