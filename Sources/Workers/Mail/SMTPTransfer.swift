import Bytes
import CCurl
import Synchronization

/// One mail on its way through libcurl: what is to be sent, and what the server has said. Callbacks reach it on the sending thread.
final class SMTPTransfer {
    private let message: [UInt8]
    private let flag: CancelFlag
    /// Bytes of the message that libcurl has taken.
    private(set) var position = 0
    private var reply: [UInt8] = []
    private var replyCode = 0

    /// Bytes kept of an answer.
    private static let mostReply = 4_096

    init(_ message: [UInt8], _ flag: CancelFlag) {
        self.message = message
        self.flag = flag
    }

    /// The text of the last refusal, its lines in one.
    var refusal: String { String(decoding: reply, as: UTF8.self) }

    func fill(_ buffer: UnsafeMutablePointer<CChar>, _ room: Int) -> Int {
        let count = min(room, message.count - position)
        message.withUnsafeBytes { UnsafeMutableRawPointer(buffer).copyMemory(from: $0.baseAddress! + position, byteCount: count) }
        position += count
        return count
    }

    /// A line of the server: `550-5.1.1 no such`, `550 user`.
    func hear(_ line: UnsafeBufferPointer<UInt8>) {
        var cursor = ASCIICursor(line)
        guard let code = cursor.digits(3), (400...599).contains(code) else { return }
        let isWhole = cursor.next != UInt8(ascii: "-")
        if replyCode != code { reply.removeAll(keepingCapacity: true) }
        // The next answer begins anew, with the same code too.
        replyCode = isWhole ? 0 : code
        let text = line.dropFirst(4).filter { $0 != 0x0D && $0 != 0x0A }.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }
        if !reply.isEmpty, !text.isEmpty { reply.append(0x20) }
        reply.append(contentsOf: text.prefix(Self.mostReply - min(reply.count, Self.mostReply)))
    }

    var isCancelled: Bool { flag.isRaised }

    // MARK: Callbacks

    private static func taken(_ context: UnsafeMutableRawPointer) -> SMTPTransfer { Unmanaged<SMTPTransfer>.fromOpaque(context).takeUnretainedValue() }

    static let onRead: hg_curl_callback = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        return taken(context).fill(bytes, size * count)
    }

    static let onHeader: hg_curl_callback = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        UnsafeRawPointer(bytes).withMemoryRebound(to: UInt8.self, capacity: size * count) {
            taken(context).hear(UnsafeBufferPointer(start: $0, count: size * count))
        }
        return size * count
    }

    /// What a server sends beside its answers goes nowhere.
    static let onBody: hg_curl_callback = { _, size, count, _ in size * count }

    static let onProgress: hg_curl_progress = { context, _, _, _, _ in
        guard let context else { return 0 }
        return taken(context).isCancelled ? 1 : 0
    }
}

/// Raised where a task is cancelled, looked at by the thread that sends.
final class CancelFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isRaised: Bool { flag.load(ordering: .acquiring) }
    func raise() { flag.store(true, ordering: .releasing) }
}
