import Bytes

/// Why a WebSocket must be closed, with the code to send.
public struct WebSocketFault: Error, Hashable, Sendable {
    public var code: CloseCode
    public var reason: String
    public init(_ code: CloseCode, _ reason: String) {
        self.code = code
        self.reason = reason
    }
}

/// Reads WebSocket frames from a stream of bytes (RFC 6455 §5), fails as early as the bytes allow, and joins fragments to messages.
///
/// Call `next` until it returns nil: then every byte of the input has been taken. After `.close` or a fault call no more.
public struct WebSocketDecoder: Sendable {
    public enum Role: Sendable {
        /// Frames come from a client and must be masked (§5.1).
        case server
        /// Frames come from a server and must not be masked.
        case client
    }

    public enum Event: Hashable, Sendable {
        /// Valid UTF-8.
        case text([UInt8])
        case binary([UInt8])
        case ping([UInt8])
        case pong([UInt8])
        /// The peer's close frame; nil when it gave no code.
        case close(CloseCode?, reason: String)
    }

    private enum State {
        case header
        case payload
    }

    private let role: Role
    private let maxMessage: Int
    private var state = State.header
    /// Header bytes so far: at most 2 + 8 + 4.
    private var header = InlineArray<14, UInt8>(repeating: 0)
    private var headerCount = 0
    private var opcode = WebSocketFrame.Opcode.text
    private var isFinal = false
    private var remaining = 0
    private var mask: UInt32 = 0
    /// How many payload bytes of the frame the mask has passed.
    private var phase = 0
    /// The kind of the message whose fragments are being joined.
    private var messageKind: WebSocketFrame.Opcode?
    private var message: [UInt8] = []
    private var control: [UInt8] = []
    private var utf8 = UTF8Check()

    /// `maxMessage` bounds a message over all its fragments, in bytes; a longer one is refused with 1009 as soon as a header says so.
    public init(_ role: Role, maxMessage: Int) {
        self.role = role
        self.maxMessage = maxMessage
    }

    /// Bytes held for an unfinished message.
    public var heldBytes: Int { message.count + control.count }

    public mutating func next(_ input: UnsafeBufferPointer<UInt8>, at position: inout Int) throws(WebSocketFault) -> Event? {
        while true {
            switch state {
            case .header:
                guard position < input.count else { return nil }
                header[headerCount] = input[position]
                headerCount += 1
                position += 1
                try check()
                if headerCount >= 2, headerCount == headerLength {
                    try begin()
                    state = .payload
                }
            case .payload:
                if remaining > 0 {
                    guard position < input.count else { return nil }
                    let count = min(remaining, input.count - position)
                    try take(UnsafeBufferPointer(rebasing: input[position..<(position + count)]))
                    position += count
                    remaining -= count
                    if remaining > 0 { return nil }
                }
                state = .header
                headerCount = 0
                if let event = try finish() { return event }
            }
        }
    }

    // MARK: Header

    private var headerLength: Int {
        let short = header[1] & 0x7F
        return 2 + (short == 126 ? 2 : short == 127 ? 8 : 0) + (header[1] & 0x80 != 0 ? 4 : 0)
    }

    /// Checks the byte that has just come.
    private mutating func check() throws(WebSocketFault) {
        if headerCount == 1 {
            guard header[0] & 0x70 == 0 else { throw WebSocketFault(.protocolError, "reserved bits set") }
            guard let opcode = WebSocketFrame.Opcode(rawValue: header[0] & 0x0F) else { throw WebSocketFault(.protocolError, "reserved opcode") }
            self.opcode = opcode
            isFinal = header[0] & 0x80 != 0
            switch opcode {
            case .close, .ping, .pong: if !isFinal { throw WebSocketFault(.protocolError, "fragmented control frame") }
            case .continuation: if messageKind == nil { throw WebSocketFault(.protocolError, "continuation of nothing") }
            case .text, .binary: if messageKind != nil { throw WebSocketFault(.protocolError, "a message inside a message") }
            }
        } else if headerCount == 2 {
            guard (header[1] & 0x80 != 0) == (role == .server) else {
                throw WebSocketFault(.protocolError, role == .server ? "unmasked frame" : "masked frame")
            }
            if opcode.isControl, header[1] & 0x7F > 125 { throw WebSocketFault(.protocolError, "control frame too long") }
        }
    }

    private mutating func begin() throws(WebSocketFault) {
        let short = Int(header[1] & 0x7F)
        var at = 2
        var length: UInt64 = 0
        switch short {
        case 126:
            length = UInt64(header[2]) << 8 | UInt64(header[3])
            at = 4
            if length < 126 { throw WebSocketFault(.protocolError, "length not in its shortest form") }
        case 127:
            for i in 2..<10 { length = length << 8 | UInt64(header[i]) }
            at = 10
            if length >> 63 != 0 { throw WebSocketFault(.protocolError, "length with its top bit set") }
            if length <= 0xFFFF { throw WebSocketFault(.protocolError, "length not in its shortest form") }
        default: length = UInt64(short)
        }
        if !opcode.isControl, length > UInt64(max(0, maxMessage - message.count)) {
            throw WebSocketFault(.messageTooBig, "message longer than \(maxMessage) bytes")
        }
        remaining = Int(length)
        phase = 0
        mask = 0
        if role == .server { for i in 0..<4 { mask = mask << 8 | UInt32(header[at + i]) } }
        if !opcode.isControl, opcode != .continuation {
            messageKind = opcode
            utf8 = UTF8Check()
        }
    }

    // MARK: Payload

    private mutating func take(_ bytes: UnsafeBufferPointer<UInt8>) throws(WebSocketFault) {
        if opcode.isControl {
            let start = control.count
            control.append(contentsOf: bytes)
            if role == .server { WebSocketMask.apply(mask, phase: phase, to: &control, from: start) }
            phase += bytes.count
            return
        }
        let start = message.count
        message.append(contentsOf: bytes)
        if role == .server { WebSocketMask.apply(mask, phase: phase, to: &message, from: start) }
        phase += bytes.count
        guard messageKind == .text else { return }
        var check = utf8
        let valid = message.withUnsafeBufferPointer { check.feed(UnsafeBufferPointer(rebasing: $0[start...])) }
        utf8 = check
        if !valid { throw WebSocketFault(.invalidPayload, "text is not UTF-8") }
    }

    private mutating func finish() throws(WebSocketFault) -> Event? {
        switch opcode {
        case .ping: return .ping(takeControl())
        case .pong: return .pong(takeControl())
        case .close: return try close(takeControl())
        case .text, .binary, .continuation:
            guard isFinal else { return nil }
            let kind = messageKind
            messageKind = nil
            if kind == .text, !utf8.isComplete { throw WebSocketFault(.invalidPayload, "text ends inside a character") }
            var whole: [UInt8] = []
            swap(&whole, &message)
            return kind == .text ? .text(whole) : .binary(whole)
        }
    }

    private mutating func takeControl() -> [UInt8] {
        var payload: [UInt8] = []
        swap(&payload, &control)
        return payload
    }

    private func close(_ payload: [UInt8]) throws(WebSocketFault) -> Event {
        if payload.isEmpty { return .close(nil, reason: "") }
        guard payload.count >= 2 else { throw WebSocketFault(.protocolError, "close payload of one byte") }
        let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        guard role == .server ? code.isAllowedFromClient : code.isAllowedFromServer else {
            throw WebSocketFault(.protocolError, "close code \(code.rawValue) is not for the wire")
        }
        let reason = Array(payload[2...])
        guard UTF8Check.isValid(reason) else { throw WebSocketFault(.invalidPayload, "close reason is not UTF-8") }
        return .close(code, reason: String(decoding: reason, as: UTF8.self))
    }
}
