public import Bytes
public import HTTP

/// One request, complete with its body, as its handler sees it. Lives on its loop.
public final class Request {
    public let head: RequestHead
    public internal(set) var body: [UInt8] = []
    public let receivedAt: Timestamp
    public let peer: PeerAddress
    /// The dialect of the route, or of the longest matching prefix when there is no route.
    public internal(set) var dialect: any Dialect
    /// Who asks, once a route group's check has found out.
    public var principal: (any Sendable)?

    package let startNs: Int64
    var match: Router.Match = .notFound
    private let number: UInt64
    private var cachedQuery: Query?

    init(_ head: RequestHead, receivedAt: Timestamp, startNs: Int64, peer: PeerAddress, number: UInt64, dialect: any Dialect) {
        self.head = head
        self.receivedAt = receivedAt
        self.startNs = startNs
        self.peer = peer
        self.number = number
        self.dialect = dialect
    }

    public var method: HTTPMethod { head.method }
    public var path: String { head.rawPath }
    public func header(_ name: StaticString) -> String? { head.value(name) }

    /// The client's `X-Request-Id` when it is a short plain word, else one made here.
    public private(set) lazy var id: String = {
        if let given = head.value("x-request-id"), given.utf8.count <= 64, !given.isEmpty,
            given.utf8.allSatisfy({ ASCII.isDigit($0) || ASCII.lower($0) &- 0x61 < 26 || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E })
        {
            return given
        }
        return String(unsafeUninitializedCapacity: 16) { room in
            for i in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: number >> UInt64(60 - 4 * i)) & 15
                room[i] = digit < 10 ? 0x30 + digit : 0x57 + digit
            }
            return 16
        }
    }()

    public var context: DialectContext { DialectContext(now: receivedAt, requestID: id, path: path) }

    // MARK: Parameters

    /// The value of `:name` in the route's pattern, decoded; empty when the pattern has no such name.
    public func param(_ name: String) -> String {
        guard case .found(let route, let values) = match, let i = route.names.firstIndex(of: name), i < values.count else { return "" }
        return values[i]
    }

    /// The query's parameters. Throws 400 when they are not UTF-8.
    public func query() throws(APIError) -> Query {
        if let cachedQuery { return cachedQuery }
        guard let query = head.withQuery({ Query($0) }) else { throw .badRequest("malformed query") }
        cachedQuery = query
        return query
    }

    /// A query parameter; nil when absent or empty.
    public func text(_ name: String) throws(APIError) -> String? {
        guard let value = try query()[name], !value.isEmpty else { return nil }
        return value
    }

    /// A query parameter that must be there.
    public func required(_ name: String) throws(APIError) -> String {
        guard let value = try text(name) else { throw .missing(name) }
        return value
    }

    /// A whole number from the query, or nil when absent; 400 when it is none or out of range.
    public func int(_ name: String, in range: ClosedRange<Int> = Int.min...Int.max) throws(APIError) -> Int? {
        guard let text = try text(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw .invalid(name, "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    // MARK: Body

    /// The body as JSON, whatever its media type says; 400 with the place when it is none.
    public func json() throws(APIError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue.parse(body)
        } catch {
            throw .badRequest(error.description)
        }
    }

    /// The body as form fields; 400 when they are not UTF-8.
    public func form() throws(APIError) -> Query {
        guard let form = body.withUnsafeBufferPointer({ Query($0) }) else { throw .badRequest("malformed form") }
        return form
    }
}
