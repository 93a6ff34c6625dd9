/// When a failed attempt of a kind's jobs is tried again. Pure: the jitter comes from the job itself.
public struct RetryPolicy: Hashable, Sendable {
    enum Growth: Hashable, Sendable {
        /// `attempt^4` seconds.
        case standard
        /// `first × factor^(attempt - 1)`, ms.
        case exponential(firstMs: Int64, factor: Double)
    }

    /// The longest wait of any policy before the jitter, in ms: 30 days. `attempt^4` passes it at attempt 41.
    public static let maxDelayMs: Int64 = 30 * 86_400_000

    let growth: Growth
    /// The longest wait before the jitter, ms.
    let capMs: Int64
    /// Attempts of this kind, where that is fewer than the job itself allows; nil = as the job says.
    public let maxAttempts: Int?

    /// `attempt^4` seconds ± 10 % (architecture §4): 1 s, 16 s, 81 s, … 30 days.
    public static let standard = RetryPolicy(.standard, capMs: maxDelayMs, maxAttempts: nil)

    /// The first failure discards the job.
    public static let never = RetryPolicy(.standard, capMs: maxDelayMs, maxAttempts: 1)

    /// The same wait, ± 10 %, after every failure.
    public static func every(ms: Int64, maxAttempts: Int? = nil) -> RetryPolicy {
        RetryPolicy(.exponential(firstMs: ms, factor: 1), capMs: maxDelayMs, maxAttempts: maxAttempts)
    }

    /// `firstMs`, then `factor` times as long each time, at most `capMs`, ± 10 %.
    public static func exponential(firstMs: Int64, factor: Double = 2, capMs: Int64 = maxDelayMs, maxAttempts: Int? = nil) -> RetryPolicy {
        RetryPolicy(.exponential(firstMs: firstMs, factor: factor), capMs: capMs, maxAttempts: maxAttempts)
    }

    private init(_ growth: Growth, capMs: Int64, maxAttempts: Int?) {
        self.growth = growth
        self.capMs = min(max(capMs, 0), Self.maxDelayMs)
        self.maxAttempts = maxAttempts
    }

    /// The wait after this attempt has failed, ms, jitter included; the same job and attempt always wait as long.
    public func delayMs(attempt: Int, jobID: Int64) -> Int64 {
        let n = min(max(attempt, 1), 1000)
        let base: Int64
        switch growth {
        case .standard: base = min(Int64(n * n * n * n) * 1000, capMs)
        case .exponential(let firstMs, let factor):
            var wait = Double(max(firstMs, 0))
            var left = n - 1
            while left > 0, wait < Double(capMs), factor != 1 {
                wait *= max(factor, 0)
                left -= 1
            }
            base = wait < Double(capMs) ? Int64(wait) : capMs
        }
        // splitmix64: the same job and attempt always get the same jitter, different jobs spread.
        var z = UInt64(bitPattern: jobID) &* 31 &+ UInt64(n) &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        let fraction = Double(z >> 11) / Double(1 << 53)
        return base + Int64(Double(base) * (fraction * 0.2 - 0.1))
    }
}

/// What a running job says of itself.
public enum JobProgress {
    /// The longest document kept, bytes.
    public static let maxBytes = 4096
}
