/// How entries are gathered, and how many may wait.
struct LogbookOptions {
    /// A group's most entries and bytes: what one commit carries, and what is written again when it fails.
    var groupEntries = 1_000
    var groupBytes = 4 << 20
    /// From one group's start to the next one's, ns, where there is little to write: a group for every entry would cost more than it brings. An
    /// entry that comes after a pause is written at once.
    var paceNs: Int64 = 20_000_000
    /// Entries and bytes that wait at most, those being written included.
    var mostEntries = 50_000
    var mostBytes = 128 << 20
    /// Waits between two attempts of a group while the database is away, ns.
    var firstRetryNs: Int64 = 50_000_000
    var lastRetryNs: Int64 = 2_000_000_000
    /// How long `close` tries to write what waits, ns.
    var closeNs: Int64 = 5_000_000_000
}
