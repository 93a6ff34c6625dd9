import HTTP

/// Finds the route of a request: a tree of path segments. Paths match exactly: a trailing slash counts, and `//` is an empty segment.
///
/// A segment `:name` takes one non-empty segment, a last segment `*name` takes the rest. Fixed text wins over `:name`, that over `*name`.
public final class Router {
    enum Match {
        case found(Route, [String])
        /// The path exists with other methods.
        case otherMethods(String)
        case notFound
        /// A parameter is not UTF-8 once decoded.
        case malformed
    }

    final class Node {
        var fixed: [(segment: [UInt8], node: Node)] = []
        var param: Node?
        var rest: Node?
        var routes: [(method: HTTPMethod, route: Route)] = []
    }

    private let root = Node()
    private var prefixes: [(prefix: [UInt8], dialect: any Dialect)] = []
    /// Speaks where no prefix matches, and for what cannot be read as a request.
    public let fallback: any Dialect
    /// Turns errors that are no `APIError` into one; nil makes them a 500. Runs on the loop.
    public var translate: ((any Error) -> APIError?)?

    public init(fallback: any Dialect = PlainDialect()) { self.fallback = fallback }

    /// Unknown paths under `prefix` answer in this dialect; the longest prefix wins. A prefix ends at a segment's end.
    public func dialect(_ prefix: String, _ dialect: any Dialect) {
        prefixes.append((Array(prefix.utf8), dialect))
        prefixes.sort { $0.prefix.count > $1.prefix.count }
    }

    /// Routes that share a dialect and a check.
    public func group(_ dialect: any Dialect, check: ((Request) throws -> Void)? = nil) -> RouteGroup {
        RouteGroup(router: self, dialect: dialect, check: check)
    }

    func add(_ method: HTTPMethod, _ pattern: String, _ dialect: any Dialect, _ check: ((Request) throws -> Void)?, _ kind: Route.Kind) {
        precondition(pattern.hasPrefix("/"), "a pattern starts with /: \(pattern)")
        var node = root
        var names: [String] = []
        let segments = pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for (i, segment) in segments.enumerated() {
            if segment.hasPrefix(":") {
                names.append(String(segment.dropFirst()))
                node = child(&node.param)
            } else if segment.hasPrefix("*") {
                precondition(i == segments.count - 1, "* must be the last segment: \(pattern)")
                names.append(String(segment.dropFirst()))
                node = child(&node.rest)
            } else if let known = node.fixed.first(where: { $0.segment.elementsEqual(segment.utf8) }) {
                node = known.node
            } else {
                let new = Node()
                node.fixed.append((Array(segment.utf8), new))
                node = new
            }
        }
        precondition(!node.routes.contains { $0.method == method }, "two routes for \(method.name) \(pattern)")
        node.routes.append((method, Route(pattern: pattern, names: names, dialect: dialect, check: check, kind: kind)))
    }

    private func child(_ slot: inout Node?) -> Node {
        if let node = slot { return node }
        let node = Node()
        slot = node
        return node
    }

    // MARK: Looking up

    func match(_ head: RequestHead) -> Match {
        if head.isAsterisk { return .otherMethods("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS") }
        return head.withPath { path in
            var values: [Range<Int>] = []
            guard let node = find(root, path, 1, &values) else { return .notFound }
            let wanted = head.method
            guard let route = route(node, wanted) ?? (wanted == .head ? route(node, .get) : nil) else { return .otherMethods(allow(node)) }
            var params: [String] = []
            for range in values {
                guard let value = PercentCoding.decode(UnsafeBufferPointer(rebasing: path[range])) else { return .malformed }
                params.append(value)
            }
            return .found(route, params)
        }
    }

    /// The dialect of the longest prefix that the path has.
    func dialect(of head: RequestHead) -> any Dialect {
        head.withPath { path in
            for (prefix, dialect) in prefixes where path.starts(with: prefix) {
                if path.count == prefix.count || prefix.last == UInt8(ascii: "/") || path[prefix.count] == UInt8(ascii: "/") { return dialect }
            }
            return fallback
        }
    }

    private func route(_ node: Node, _ method: HTTPMethod) -> Route? {
        for (known, route) in node.routes where known == method { return route }
        return nil
    }

    private func allow(_ node: Node) -> String {
        var names = node.routes.map { "\($0.method.name)" }
        if names.contains("GET"), !names.contains("HEAD") { names.append("HEAD") }
        names.append("OPTIONS")
        return names.sorted().joined(separator: ", ")
    }

    private func find(_ node: Node, _ path: UnsafeBufferPointer<UInt8>, _ start: Int, _ values: inout [Range<Int>]) -> Node? {
        if start > path.count { return node.routes.isEmpty ? nil : node }
        var end = start
        var escaped = false
        while end < path.count, path[end] != UInt8(ascii: "/") {
            if path[end] == UInt8(ascii: "%") { escaped = true }
            end += 1
        }
        let segment = UnsafeBufferPointer(rebasing: path[start..<end])
        let decoded = escaped ? PercentCoding.decode(segment).map { Array($0.utf8) } : nil
        for (fixed, next) in node.fixed where Self.same(fixed, segment, decoded) {
            if let found = find(next, path, end + 1, &values) { return found }
        }
        if let param = node.param, !segment.isEmpty {
            values.append(start..<end)
            if let found = find(param, path, end + 1, &values) { return found }
            values.removeLast()
        }
        if let rest = node.rest {
            values.append(start..<path.count)
            return rest
        }
        return nil
    }

    @inline(__always) private static func same(_ fixed: [UInt8], _ segment: UnsafeBufferPointer<UInt8>, _ decoded: [UInt8]?) -> Bool {
        if let decoded { return fixed == decoded }
        guard fixed.count == segment.count else { return false }
        for i in 0..<fixed.count where fixed[i] != segment[i] { return false }
        return true
    }
}
