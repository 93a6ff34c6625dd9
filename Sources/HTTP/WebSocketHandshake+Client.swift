/// The client's side of the opening handshake (RFC 6455 §4.1).
extension WebSocketHandshake {
    /// Reads a server's answer, from its status line to the last line's end, without the empty line.
    ///
    /// - Returns: why the connection is no WebSocket; nil: it is one.
    public static func refusal(_ head: some Collection<UInt8>, nonce: [UInt8]) -> String? {
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: true)
        guard let status = lines.first, status.hasPrefix("HTTP/1.1 ") else { return "it speaks no HTTP/1.1" }
        guard status.hasPrefix("HTTP/1.1 101") else { return "it answered \(status.dropFirst(9).prefix(60))" }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return "malformed field in its answer" }
            let name = line[..<colon].lowercased()
            guard fields[name] == nil || name != "sec-websocket-accept" else { return "two Sec-WebSocket-Accept" }
            fields[name] = line[line.index(after: colon)...].trimmingSpace
        }
        guard fields["upgrade"]?.lowercased() == "websocket" else { return "no Upgrade: websocket in its answer" }
        guard fields["connection"]?.lowercased().split(separator: ",").contains(where: { $0.trimmingSpace == "upgrade" }) == true else {
            return "no Connection: Upgrade in its answer"
        }
        guard fields["sec-websocket-accept"] == accept(key: Base64.encode(nonce)) else { return "wrong Sec-WebSocket-Accept" }
        guard fields["sec-websocket-extensions"] == nil, fields["sec-websocket-protocol"] == nil else { return "it chose what was not offered" }
        return nil
    }
}

extension Substring {
    fileprivate var trimmingSpace: String {
        var text = self
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
