import Bytes

/// A row of the journal.
struct JournalRecord: Equatable {
    var kind: JournalKind
    var at: Timestamp
    /// Grows within a car.
    var number: Int64
    var body: [UInt8]
    var isDeflated: Bool

    /// Records of one entry have numbers of their own: an entry's version, and its place in the entry, from 1. 0 is the checkpoint before it.
    static func number(version: Int64, place: Int) -> Int64 { version << 16 | Int64(min(place, 0xFFFF)) }
}
