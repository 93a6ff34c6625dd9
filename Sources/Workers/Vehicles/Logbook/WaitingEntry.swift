import Bytes

/// An entry on its way into the database.
final class WaitingEntry {
    let car: Int64
    let epoch: Int64
    let effects: [VehicleEffect]
    let memory: [UInt8]
    let view: [UInt8]
    let notBefore: Timestamp
    let requests: Int
    /// Their numbers are given when they are written.
    let records: [JournalRecord]
    /// What it counts for against the bounds.
    let bytes: Int
    /// The version that the last attempt would have given its car, where nobody knows how that ended.
    var attempted: Int64?

    private(set) var outcome: Result<Void, LogbookFault>?
    private var waiter: UnsafeContinuation<Void, Never>?

    /// What is made once, however often it is tried to write it.
    init(_ entry: LogEntry, _ codec: JournalCodec) {
        car = entry.car
        epoch = entry.epoch
        effects = entry.effects
        memory = entry.memory
        view = entry.view
        notBefore = entry.notBefore
        requests = entry.requests
        records = entry.inputs.map { codec.record($0, number: 0) }
        bytes = records.reduce(memory.count + view.count + effects.count * 256 + 128) { $0 + $1.body.count + 32 }
    }

    /// The UTC day of its first input, as a day number; nil without inputs.
    var day: Int64? { records.first.map { Civil.floorDivide($0.at.microseconds, 86_400_000_000) } }

    func finish(_ outcome: Result<Void, LogbookFault>) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        waiter?.resume()
        waiter = nil
    }

    func wait() async -> Result<Void, LogbookFault> {
        await withUnsafeContinuation { continuation in
            if outcome == nil { waiter = continuation } else { continuation.resume() }
        }
        return outcome ?? .failure(.closed)
    }
}
