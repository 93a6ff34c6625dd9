/// How an attempt to send a mail ended. Texts are what the server or the system said, unmasked.
public enum MailResult: Hashable, Sendable {
    /// The server has taken it.
    case sent
    /// The server has refused it for good (5xx).
    case permanent(code: Int, text: String)
    /// 4xx, or no whole conversation: refused, dropped, stalled, a name that is not found, a certificate that does not hold.
    case temporary(code: Int?, reason: String)
    /// The task was cancelled. The server may have it all the same.
    case cancelled
}
