/// Encodes WebSocket frames (RFC 6455 §5.2). A server's frames carry no mask, so one encoding serves every client.
public enum WebSocketFrame {
    public enum Opcode: UInt8, Hashable, Sendable {
        case continuation = 0
        case text = 1
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10

        public var isControl: Bool { rawValue >= 8 }
    }

    /// The longest payload of a control frame.
    public static let controlLimit = 125

    /// One frame. `mask` is four bytes that a client must give and a server must not; control payloads must fit `controlLimit`.
    public static func append(
        _ opcode: Opcode, _ payload: some Collection<UInt8>, isFinal: Bool = true, mask: UInt32? = nil, to out: inout [UInt8]
    ) {
        let count = payload.count
        precondition(!opcode.isControl || count <= controlLimit && isFinal, "control frames are short and whole")
        out.reserveCapacity(out.count + count + 14)
        out.append((isFinal ? 0x80 : 0) | opcode.rawValue)
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        if count < 126 {
            out.append(maskBit | UInt8(count))
        } else if count <= 0xFFFF {
            out.append(maskBit | 126)
            out.append(UInt8(count >> 8))
            out.append(UInt8(count & 255))
        } else {
            out.append(maskBit | 127)
            for shift in stride(from: 56, through: 0, by: -8) { out.append(UInt8(truncatingIfNeeded: count >> shift)) }
        }
        guard let mask else {
            out.append(contentsOf: payload)
            return
        }
        for shift in stride(from: 24 as UInt32, through: 0, by: -8) { out.append(UInt8(truncatingIfNeeded: mask >> shift)) }
        let start = out.count
        out.append(contentsOf: payload)
        WebSocketMask.apply(mask, phase: 0, to: &out, from: start)
    }

    public static func encode(_ opcode: Opcode, _ payload: some Collection<UInt8>, isFinal: Bool = true, mask: UInt32? = nil) -> [UInt8] {
        var out: [UInt8] = []
        append(opcode, payload, isFinal: isFinal, mask: mask, to: &out)
        return out
    }

    public static func text(_ text: String, mask: UInt32? = nil) -> [UInt8] { encode(.text, Array(text.utf8), mask: mask) }

    /// A close frame; the reason is cut at a character boundary to fit.
    public static func close(_ code: CloseCode?, reason: String = "", mask: UInt32? = nil) -> [UInt8] {
        var payload: [UInt8] = []
        if let code {
            payload = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 255)]
            for character in reason.unicodeScalars {
                let bytes = Array(String(character).utf8)
                if payload.count + bytes.count > controlLimit { break }
                payload.append(contentsOf: bytes)
            }
        }
        return encode(.close, payload, mask: mask)
    }
}
