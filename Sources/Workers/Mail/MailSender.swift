/// Brings a composed mail on its way.
public protocol MailSender: Sendable {
    /// Returns when its fate is known; never blocks the caller's thread. Cancelling the task ends the attempt.
    func send(_ mail: Envelope) async -> MailResult
    /// After the last mail.
    func stop() async
    /// Where mails go, for people.
    var place: String { get }
}

/// A mail and whom it is for.
public struct Envelope: Sendable {
    public var from: String
    public var to: String
    /// The message, lines ending in CRLF.
    public var message: [UInt8]

    public init(from: String, to: String, message: [UInt8]) {
        self.from = from
        self.to = to
        self.message = message
    }
}
