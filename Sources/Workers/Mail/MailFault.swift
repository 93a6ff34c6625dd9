/// Why a mail cannot be composed. Trying again does not help.
public struct MailFault: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
