/// WebSocket close codes: those of RFC 6455 §7.4 that are used here, and this server's own.
///
/// The range tells a client what to do: 1000 and 4000-4999 stay closed; 1001, 1011-1013 and 3000-3499 connect again (with back-off, and with the
/// last position so as to resume); 1002-1010 and 3500-3999 the client itself is wrong: do not come back unchanged.
public struct CloseCode: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public enum Advice: Sendable {
        case stayClosed
        case reconnect
        case fixClient
    }

    /// Done; nothing is wrong.
    public static let normal = CloseCode(rawValue: 1000)
    /// The server stops or moves: connect again.
    public static let goingAway = CloseCode(rawValue: 1001)
    public static let protocolError = CloseCode(rawValue: 1002)
    public static let unsupportedData = CloseCode(rawValue: 1003)
    /// Text that is not UTF-8.
    public static let invalidPayload = CloseCode(rawValue: 1007)
    public static let policyViolation = CloseCode(rawValue: 1008)
    public static let messageTooBig = CloseCode(rawValue: 1009)
    public static let internalError = CloseCode(rawValue: 1011)
    /// The client did not answer pings.
    public static let noPong = CloseCode(rawValue: 3001)
    /// The client reads slower than its topics move, even after conflation: connect again and resume from the snapshot.
    public static let slow = CloseCode(rawValue: 3008)
    /// The token ran out while connected: get a new one.
    public static let unauthorized = CloseCode(rawValue: 3500)

    public var advice: Advice {
        switch rawValue {
        case 1001, 1011...1013, 3000...3499: .reconnect
        case 1002...1010, 3500...3999: .fixClient
        default: .stayClosed
        }
    }

    /// Whether a client may send this code in a close frame (RFC 6455 §7.4: 1004-1006 and 1015 are never on the wire).
    public var isAllowedFromClient: Bool {
        switch rawValue {
        case 1000...1003, 1007...1011, 3000...4999: true
        default: false
        }
    }

    /// The same for servers, which have the registry's later codes 1012-1014 too.
    public var isAllowedFromServer: Bool { isAllowedFromClient || (1012...1014).contains(rawValue) }
}
