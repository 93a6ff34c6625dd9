/// Why an entry is not in the logbook.
enum LogbookFault: Error, Equatable, CustomStringConvertible {
    /// Another has the car, or it is gone: nothing of the entry was written, and whoever made it stops.
    case fenced
    /// The database has been away for so long that no more entries are kept for it.
    case busy
    /// The database will never take it. Nothing of it was written; an entry with the same inputs and memory and no effects may still keep them.
    case refused(String)
    /// The logbook was closed before it was written.
    case closed

    var description: String {
        switch self {
        case .fenced: "another has the car"
        case .busy: "too many entries wait for the database"
        case .refused(let reason): "refused by the database: \(reason)"
        case .closed: "the logbook is closed"
        }
    }
}
