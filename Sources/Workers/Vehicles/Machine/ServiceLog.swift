import Bytes

/// How a car's questions fare: when the last was asked, how long to keep still, whether answers come as they should.
///
/// | failure | at least | healthy |
/// |---|---|---|
/// | unavailable | back-off (the summary may be asked at once) | yes |
/// | timeout | back-off | yes |
/// | connection | 5 s | no, above 3 in 10 min |
/// | server | back-off | no, above 3 in 10 min |
/// | inService | 60 s | yes |
/// | notFound | 30 s; above 8 in 20 min the list | no, above 3 in 10 min |
/// | unauthorized | back-off | no |
/// | forbidden | 15 min at the limit, else 5 min | no |
/// | retired | 15 min | no |
/// | limited | what the service says | no |
struct ServiceLog: Equatable, Remembered {
    /// When the last answer, or failure, came.
    private(set) var answeredAt: Timestamp?
    /// Failures in a row.
    private(set) var failures = 0
    private(set) var backoffUntil = Timestamp(seconds: 0)
    /// What the service has asked for: nothing at all before.
    private(set) var notBefore = Timestamp(seconds: 0)
    private(set) var isHealthy = true
    private var isDenied = false
    private var errors: [Timestamp] = []
    private var notFound: [Timestamp] = []

    static let errorsMax = 3
    static let errorsSeconds: Int64 = 600
    static let notFoundMax = 8
    static let notFoundSeconds: Int64 = 1200
    static let connectionSeconds = 5.0
    static let inServiceSeconds = 60.0
    static let notFoundPauseSeconds = 30.0
    static let deniedSeconds: Int64 = 300
    static let limitSeconds: Int64 = 900

    /// The car's id is no longer known: the list has its new one.
    var needsList: Bool { notFound.count > Self.notFoundMax }

    mutating func summaryCame(_ now: Timestamp, isOnline: Bool) {
        answeredAt = now
        notFound = []
        if !isOnline { failures = 0 }
        heal(now)
    }

    mutating func dataCame(_ now: Timestamp) {
        answeredAt = now
        notFound = []
        failures = 0
        backoffUntil = now
        heal(now)
    }

    private mutating func heal(_ now: Timestamp) {
        isDenied = false
        judge(now)
    }

    private mutating func judge(_ now: Timestamp) {
        errors.removeAll { now.seconds(since: $0) >= Double(Self.errorsSeconds) }
        isHealthy = !isDenied && errors.count <= Self.errorsMax
    }

    mutating func failed(_ failure: PollFailure, car: Int64, _ rules: VehicleRules, _ now: Timestamp) {
        answeredAt = now
        failures += 1
        var pause = Self.backoff(car: car, attempt: failures, rules)
        switch failure {
        case .unavailable, .timeout: break
        case .server: note(now)
        case .connection:
            note(now)
            pause = max(pause, Self.connectionSeconds)
        case .notFound:
            note(now)
            notFound.removeAll { now.seconds(since: $0) >= Double(Self.notFoundSeconds) }
            notFound.append(now)
            if notFound.count > Self.notFoundMax + 1 { notFound.removeFirst() }
            pause = max(pause, Self.notFoundPauseSeconds)
        case .inService: pause = max(pause, Self.inServiceSeconds)
        case .unauthorized: isDenied = true
        case .forbidden(let isLimit):
            isDenied = true
            keepStill(now.adding(seconds: isLimit ? Self.limitSeconds : Self.deniedSeconds))
        case .retired:
            isDenied = true
            keepStill(now.adding(seconds: Self.limitSeconds))
        case .limited(let retryAfter):
            isDenied = true
            keepStill(now.adding(seconds: Int64(min(max(retryAfter, 1), PollFailure.retryAfterMax))))
        }
        backoffUntil = now.adding(microseconds: Int64(pause * 1_000_000))
        judge(now)
    }

    /// It is at a service centre: it is asked again in a minute.
    mutating func rest(_ now: Timestamp) { backoffUntil = now.adding(microseconds: Int64(Self.inServiceSeconds * 1_000_000)) }

    private mutating func note(_ now: Timestamp) {
        errors.append(now)
        if errors.count > Self.errorsMax + 1 { errors.removeFirst() }
    }

    private mutating func keepStill(_ until: Timestamp) { notBefore = max(notBefore, until) }

    /// Seconds: the spec's, less up to a quarter that depends on car and attempt, so that cars which fail together do not come back together.
    static func backoff(car: Int64, attempt: Int, _ rules: VehicleRules) -> Double {
        var seconds = rules.backoffInitialSeconds
        for _ in 1..<max(2, min(attempt, 64)) where attempt > 1 && seconds < rules.backoffMaxSeconds { seconds *= max(1, rules.backoffFactor) }
        var z = UInt64(bitPattern: car) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(attempt)
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        let fraction = Double((z ^ (z >> 31)) >> 11) / Double(1 << 53)
        return min(seconds, rules.backoffMaxSeconds) * (1 - fraction / 4)
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("answered", &answeredAt)
        m("failures", &failures)
        m("backoff_until", &backoffUntil)
        m("not_before", &notBefore)
        m("healthy", &isHealthy)
        m("denied", &isDenied)
        m("errors", &errors)
        m("not_found", &notFound)
    }
}
