/// What a record of the journal holds, as `heliograph.vehicle_journal.kind` numbers them.
enum JournalKind: Int16 {
    case data = 1
    case summary, frame, failure, event, command, tick
    /// The machine's memory and its open rows before the records that follow.
    case checkpoint
}
