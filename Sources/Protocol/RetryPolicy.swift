/// When a failed attempt is tried again: `attempt^4` seconds, ± 10 % (architecture §4). Pure: the jitter comes from the job itself.
public enum RetryPolicy {
    /// The longest wait before the jitter, in ms: 30 days. `attempt^4` passes it at attempt 41.
    public static let maxDelayMs: Int64 = 30 * 86_400_000

    public static func delayMs(attempt: Int, jobID: Int64) -> Int64 {
        let n = Int64(min(max(attempt, 1), 1000))
        let seconds = n * n * n * n
        let base = min(seconds &* 1000, maxDelayMs)
        // splitmix64: the same job and attempt always get the same jitter, different jobs spread.
        var z = UInt64(bitPattern: jobID) &* 31 &+ UInt64(n) &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        let fraction = Double(z >> 11) / Double(1 << 53)
        return base + Int64(Double(base) * (fraction * 0.2 - 0.1))
    }
}
