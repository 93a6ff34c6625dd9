/// Why a request cannot be read. The connection answers with `status` and closes: what follows in the stream has no known meaning.
public struct HTTPFault: Error, Hashable, Sendable, CustomStringConvertible {
    public var status: Int
    public var reason: String

    public init(_ status: Int, _ reason: String) {
        self.status = status
        self.reason = reason
    }

    public static func bad(_ reason: String) -> HTTPFault { HTTPFault(400, reason) }

    public var description: String { "\(status) \(reason)" }
}
