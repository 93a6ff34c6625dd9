import Bytes

extension BodyFields {
    /// For operators: an empty body counts as `{}`, and members that nobody knows are refused, or a misspelt condition would mean everything.
    init(_ request: Request, knows names: [String]) throws(APIError) {
        try self.init(request.body.isEmpty ? Array("{}".utf8) : request.body, .english)
        for (name, _) in members where !names.contains(name) {
            throw .invalid(String(name.prefix(64)), "unknown member \(name.prefix(64)); known are \(names.joined(separator: ", "))")
        }
    }
}
