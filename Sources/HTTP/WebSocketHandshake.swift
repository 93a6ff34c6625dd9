/// The opening handshake (RFC 6455 §4).
public enum WebSocketHandshake {
    static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
    public static func accept(key: String) -> String { Base64.encode(SHA1.digest(Array((key + guid).utf8))) }

    /// Checks a client's request (§4.2.1) and returns the accept value.
    /// Throws 400 for a malformed one and 426 for another version; the answer to 426 must say `Sec-WebSocket-Version: 13`.
    public static func check(_ head: RequestHead) throws(HTTPFault) -> String {
        guard head.method == .get, head.minorVersion == 1 else { throw .bad("a WebSocket handshake is a GET in HTTP/1.1") }
        guard head.wantsUpgrade, let upgrade = head.list("upgrade"), names(upgrade, "websocket") else {
            throw HTTPFault(426, "this path speaks WebSocket")
        }
        guard head.body == .none else { throw .bad("a WebSocket handshake has no body") }
        guard head.count("sec-websocket-version") == 1, head.value("sec-websocket-version") == "13" else {
            throw HTTPFault(426, "WebSocket version 13 only")
        }
        guard head.count("sec-websocket-key") == 1, let key = head.value("sec-websocket-key"), Base64.decode(key)?.count == 16 else {
            throw .bad("malformed Sec-WebSocket-Key")
        }
        return accept(key: key)
    }

    /// A client's request; `nonce` is 16 random bytes.
    public static func request(host: String, target: String, nonce: [UInt8], fields: [(String, String)] = []) -> [UInt8] {
        var text = "GET \(target) HTTP/1.1\r\nHost: \(host)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        text += "Sec-WebSocket-Key: \(Base64.encode(nonce))\r\nSec-WebSocket-Version: 13\r\n"
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        return Array((text + "\r\n").utf8)
    }

    private static func names(_ list: String, _ wanted: String) -> Bool {
        var t = FieldText(list)
        while !t.isAtEnd {
            t.skipSpace()
            if t.token() == wanted { return true }
            _ = t.until(",")
            _ = t.take(",")
        }
        return false
    }
}
