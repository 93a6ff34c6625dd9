public import HTTP

/// What answers a path and method.
final class Route {
    enum Kind {
        /// Answers at once, without a task: what is in memory.
        case sync((Request) throws -> Reply)
        case async((Request) async throws -> Reply)
        case webSocket(any WebSocketHandler)
    }

    let pattern: String
    let names: [String]
    let dialect: any Dialect
    let check: ((Request) throws -> Void)?
    let kind: Kind

    init(pattern: String, names: [String], dialect: any Dialect, check: ((Request) throws -> Void)?, kind: Kind) {
        self.pattern = pattern
        self.names = names
        self.dialect = dialect
        self.check = check
        self.kind = kind
    }
}

/// Routes of one dialect. A group's check runs before each handler and throws to refuse.
public struct RouteGroup {
    let router: Router
    let dialect: any Dialect
    let check: ((Request) throws -> Void)?

    /// A handler that answers from memory.
    public func on(_ method: HTTPMethod, _ pattern: String, _ handler: @escaping (Request) throws -> Reply) {
        router.add(method, pattern, dialect, check, .sync(handler))
    }

    /// A handler that waits for something; it runs on the loop and is cancelled when the client goes.
    public func onAsync(_ method: HTTPMethod, _ pattern: String, _ handler: @escaping (Request) async throws -> Reply) {
        router.add(method, pattern, dialect, check, .async(handler))
    }

    /// A WebSocket at this path.
    public func webSocket(_ pattern: String, _ handler: any WebSocketHandler) {
        router.add(.get, pattern, dialect, check, .webSocket(handler))
    }

    /// Files below `root` for paths that match `pattern`, whose last segment must be `*path`.
    public func files(_ pattern: String, _ files: StaticFiles) {
        router.add(.get, pattern, dialect, check, .sync { try files.reply($0, path: $0.param("path")) })
    }
}
