import Bytes

@testable import Workers

/// Feeds a detector readings at a fixed distance and collects what it says.
struct Feed {
    var detector: Detector
    var time = Timestamp(seconds: 1_750_000_000)
    var step: Int64
    private(set) var verdicts: [Verdict] = []
    private var flip = false

    init(limits: MeterLimits = MeterLimits(ratedPowerKw: 60, maxInputCurrentA: 250, maxOutputCurrentA: 200), step: Int64 = 10) {
        detector = Detector(limits: limits)
        self.step = step
    }

    var last: Verdict { verdicts[verdicts.count - 1] }

    /// Episodes opened so far, in order.
    var episodes: [AnomalyClass] { verdicts.filter(\.isNewEpisode).map(\.anomaly) }

    mutating func one(_ currentA: Double) {
        time = time.adding(seconds: step)
        if let v = detector.on(Reading(timestamp: time, currentA: currentA)).verdict { verdicts.append(v) }
    }

    /// A current with a little noise, so that it does not look frozen.
    mutating func hold(_ currentA: Double, _ count: Int) {
        for _ in 0..<count {
            flip.toggle()
            one(currentA * (flip ? 1.002 : 0.998))
        }
    }

    mutating func idle(_ count: Int = 30) { for _ in 0..<count { one(0) } }

    /// Idle, a ramp, and a steady level.
    mutating func start(_ currentA: Double, steady: Int = 90) {
        idle()
        for share in [0.2, 0.5, 0.8] { one(currentA * share) }
        hold(currentA, steady)
    }

    mutating func skip(_ seconds: Int64) { time = time.adding(seconds: seconds) }
}
