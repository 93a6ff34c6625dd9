import Bytes

/// Why bytes are not messages of this protocol.
public enum FrameError: Error, Hashable, Sendable, CustomStringConvertible {
    case truncated(at: Int)
    case badMagic(at: Int)
    case version(UInt8)
    case unknownVerb(UInt8)
    case nameTooLong(Int)
    case nameNotUTF8
    case payloadTooLong(Int)

    public var description: String {
        switch self {
        case .truncated(let at): "message cut short at byte \(at)"
        case .badMagic(let at): "not a Heliograph message at byte \(at)"
        case .version(let v): "protocol version \(v) is not spoken here; this side speaks \(Header.version)"
        case .unknownVerb(let v): "unknown verb \(v)"
        case .nameTooLong(let n): "name of \(n) bytes, at most \(Header.maxName)"
        case .nameNotUTF8: "name is not UTF-8"
        case .payloadTooLong(let n): "payload of \(n) bytes, at most \(Header.maxPayload)"
        }
    }
}

/// One message inside a received frame: a view that lives as long as the frame's bytes.
public struct MessageView {
    public let header: Header
    public let name: UnsafeBufferPointer<UInt8>
    public let payload: UnsafeBufferPointer<UInt8>

    public var nameString: String { String(decoding: name, as: UTF8.self) }
    public var payloadArray: [UInt8] { Array(payload) }
}

/// Walks the messages of a frame.
public struct FrameReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    /// The buffer must outlive the reader and the views it gives.
    public init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// The next message, nil at the end. After an error the rest of the frame is unreadable.
    public mutating func next() throws(FrameError) -> MessageView? {
        guard position < bytes.count else { return nil }
        guard bytes.count - position >= Header.size else { throw .truncated(at: position) }
        guard bytes[position] == Header.magic0, bytes[position + 1] == Header.magic1 else { throw .badMagic(at: position) }
        guard bytes[position + 2] == Header.version else { throw .version(bytes[position + 2]) }
        guard let verb = Verb(rawValue: bytes[position + 3]) else { throw .unknownVerb(bytes[position + 3]) }
        let raw = UnsafeRawBufferPointer(bytes)
        func load<T: FixedWidthInteger>(_ offset: Int, _: T.Type) -> T {
            T(littleEndian: raw.loadUnaligned(fromByteOffset: position + offset, as: T.self))
        }
        let nameLength = Int(load(6, UInt16.self))
        let payloadLength = Int(load(8, UInt32.self))
        guard nameLength <= Header.maxName else { throw .nameTooLong(nameLength) }
        guard payloadLength <= Header.maxPayload else { throw .payloadTooLong(payloadLength) }
        let nameStart = position + Header.size
        guard bytes.count - nameStart >= nameLength + payloadLength else { throw .truncated(at: nameStart) }
        let header = Header(
            verb, flags: Header.Flags(rawValue: load(4, UInt16.self)), requestID: load(16, UInt64.self), timeoutMs: load(24, Int64.self),
            aux: load(12, UInt32.self), aux2: load(32, Int64.self))
        let name = UnsafeBufferPointer(rebasing: bytes[nameStart..<(nameStart + nameLength)])
        guard isUTF8(name) else { throw .nameNotUTF8 }
        position = nameStart + nameLength + payloadLength
        return MessageView(header: header, name: name, payload: UnsafeBufferPointer(rebasing: bytes[(nameStart + nameLength)..<position]))
    }

    private func isUTF8(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        name.allSatisfy { $0 < 0x80 } || UTF8Check.isValid(name)
    }
}

/// Gathers messages into one frame.
public struct FrameWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    public private(set) var count = 0

    public init() {}

    public var isEmpty: Bool { count == 0 }

    /// Frames are closed before they grow past this, in bytes: a socket takes at most 64 MB, the largest message is half of that.
    public static let maxFrame = 16 << 20

    /// Whether a message with so many bytes of name and payload should begin a new frame.
    public func isFull(before bytes: Int) -> Bool { !isEmpty && self.bytes.count + Header.size + bytes > Self.maxFrame }

    /// Inlined, so that the generic form becomes the one below where it is used: across modules it would go through witness tables.
    @inlinable
    public mutating func append(_ header: Header, name: some Collection<UInt8>, payload: some Collection<UInt8>) {
        let done: Void?? = name.withContiguousStorageIfAvailable { name in
            payload.withContiguousStorageIfAvailable { payload in append(header, name: name, payload: payload) }
        }
        if case .some(.some) = done { return }
        Array(name).withUnsafeBufferPointer { name in
            Array(payload).withUnsafeBufferPointer { payload in append(header, name: name, payload: payload) }
        }
    }

    public mutating func append(_ header: Header, name: UnsafeBufferPointer<UInt8>, payload: UnsafeBufferPointer<UInt8>) {
        precondition(name.count <= Header.maxName && payload.count <= Header.maxPayload, "a message over its bounds; check before writing")
        withUnsafeTemporaryAllocation(byteCount: Header.size, alignment: 8) { raw in
            raw[0] = Header.magic0
            raw[1] = Header.magic1
            raw[2] = Header.version
            raw[3] = header.verb.rawValue
            raw.storeBytes(of: header.flags.rawValue.littleEndian, toByteOffset: 4, as: UInt16.self)
            raw.storeBytes(of: UInt16(name.count).littleEndian, toByteOffset: 6, as: UInt16.self)
            raw.storeBytes(of: UInt32(payload.count).littleEndian, toByteOffset: 8, as: UInt32.self)
            raw.storeBytes(of: header.aux.littleEndian, toByteOffset: 12, as: UInt32.self)
            raw.storeBytes(of: header.requestID.littleEndian, toByteOffset: 16, as: UInt64.self)
            raw.storeBytes(of: header.timeoutMs.littleEndian, toByteOffset: 24, as: Int64.self)
            raw.storeBytes(of: header.aux2.littleEndian, toByteOffset: 32, as: Int64.self)
            bytes.append(contentsOf: raw)
        }
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: payload)
        count += 1
    }

    public mutating func append(_ header: Header, name: String = "", payload: [UInt8] = []) {
        append(header, name: name.utf8, payload: payload)
    }

    /// Takes the gathered bytes; the writer starts a new frame.
    public mutating func take() -> [UInt8] {
        count = 0
        defer { bytes = [] }
        return bytes
    }

    /// Starts a new frame and keeps the memory.
    public mutating func reset() {
        count = 0
        bytes.removeAll(keepingCapacity: true)
    }
}
