import Bytes

/// What one or more inputs have made of a car: written in one transaction, or not at all.
struct LogEntry {
    var car: Int64
    /// Of the lease under which it was made; an older one than the database has is refused.
    var epoch: Int64
    /// In their order; those that changed nothing are left out.
    var inputs: [JournalInput]
    var effects: [VehicleEffect]
    /// The machine after them, as it writes itself (JSON).
    var memory: [UInt8]
    /// `VehicleView`, as JSON.
    var view: [UInt8]
    /// Nothing is asked of the car before.
    var notBefore: Timestamp
    /// Requests sent for the car since the last entry.
    var requests = 0
}

/// An input with the text it was read from.
struct JournalInput {
    var at: Timestamp
    var input: VehicleInput
    /// The answer's or the frame's own text; empty for what came without one.
    var raw: [UInt8]
}
