public import Bytes
internal import CLinux

/// The machine's clocks, read in one place.
public enum Clock {
    /// Wall time; may jump.
    public static var wall: Timestamp { Timestamp(microseconds: hg_wall_us()) }
    /// Nanoseconds that only ever grow.
    public static var monotonicNs: Int64 { hg_monotonic_ns() }
}
