import CLinux

/// What waits to be sent on one connection, in order: owned bytes, shared frames, parts of files. It has no buffers when it is empty.
struct OutputQueue {
    enum Outcome {
        case drained
        /// The socket takes no more for now.
        case blocked
        case failed
    }

    private enum Segment {
        case bytes([UInt8])
        case frame(SharedFrame)
        case file(OpenFile, Range<Int>)

        /// Bytes in memory; a file has none.
        var memory: Int {
            switch self {
            case .bytes(let bytes): bytes.count
            case .frame(let frame): frame.bytes.count
            case .file: 0
            }
        }
    }

    /// Segments from this size on are sent from where they are; smaller ones are gathered into one system call.
    private static let direct = 16 * 1024

    private var segments: [Segment] = []
    private var head = 0
    /// Bytes of the first waiting segment, or of the tail when there is none, that are already sent.
    private var offset = 0
    private var sealed = 0
    private var files = 0
    /// Where owned bytes are written; it comes after all segments.
    private var tail: [UInt8] = []

    /// Bytes in memory that wait.
    var count: Int { sealed + tail.count - (firstIsFile ? 0 : offset) }
    var isEmpty: Bool { head == segments.count && tail.isEmpty }
    var hasFile: Bool { files > 0 }

    private var firstIsFile: Bool {
        if head < segments.count, case .file = segments[head] { return true }
        return false
    }

    mutating func write(_ body: (inout [UInt8]) -> Void) { body(&tail) }

    mutating func append(_ bytes: [UInt8]) {
        if bytes.count < Self.direct {
            tail.append(contentsOf: bytes)
        } else {
            push(.bytes(bytes))
        }
    }

    mutating func append(_ frame: SharedFrame) { push(.frame(frame)) }

    mutating func append(_ file: OpenFile, _ range: Range<Int>) {
        if range.isEmpty { return }
        push(.file(file, range))
        files += 1
    }

    private mutating func push(_ segment: Segment) {
        if !tail.isEmpty {
            sealed += tail.count
            segments.append(.bytes(tail))
            tail = []
        }
        sealed += segment.memory
        segments.append(segment)
    }

    // MARK: Slow readers

    /// Keeps only the newest waiting frame of every key; returns how many were dropped.
    mutating func conflate() -> Int {
        var seen: Set<String> = []
        var kept: [Segment] = []
        var dropped = 0
        for i in stride(from: segments.count - 1, through: head, by: -1) {
            if case .frame(let frame) = segments[i], let key = frame.key, !(i == head && offset > 0), !seen.insert(key).inserted {
                dropped += 1
                sealed -= frame.bytes.count
            } else {
                kept.append(segments[i])
            }
        }
        kept.reverse()
        segments = kept
        head = 0
        return dropped
    }

    /// Drops everything that has not begun to be sent, so that a last word can follow.
    mutating func dropUnsent() {
        var first: [UInt8] = []
        if offset > 0 {
            if head < segments.count {
                switch segments[head] {
                case .bytes(let bytes): first = Array(bytes[offset...])
                case .frame(let frame): first = Array(frame.bytes[offset...])
                case .file: break
                }
            } else {
                first = Array(tail[offset...])
            }
        }
        self = OutputQueue()
        tail = first
    }

    // MARK: Sending

    /// Sends until the queue is empty or the socket is full. `sent` counts the bytes that went out.
    mutating func flush(to fd: Int32, through scratch: UnsafeMutableRawBufferPointer, sent: inout Int) -> Outcome {
        while !isEmpty {
            let (wanted, done) = sendOnce(fd, scratch)
            if done < 0 {
                let code = hg_errno()
                if code == EINTR { continue }
                return code == EAGAIN ? .blocked : .failed
            }
            // A file that ends early can no longer meet its Content-Length.
            if done == 0 { return .failed }
            sent += done
            advance(done)
            if done < wanted { return .blocked }
        }
        self = OutputQueue()
        return .drained
    }

    private func sendOnce(_ fd: Int32, _ scratch: UnsafeMutableRawBufferPointer) -> (wanted: Int, done: Int) {
        let flags = Int32(MSG_NOSIGNAL)
        func direct(_ bytes: [UInt8]) -> (Int, Int) {
            bytes.withUnsafeBytes { ($0.count - offset, send(fd, $0.baseAddress! + offset, $0.count - offset, flags)) }
        }
        guard head < segments.count else { return direct(tail) }
        switch segments[head] {
        case .file(let file, let range):
            var position = off_t(range.lowerBound + offset)
            let wanted = range.count - offset
            return (wanted, sendfile(fd, file.fd, &position, wanted))
        case .bytes(let bytes) where bytes.count >= Self.direct: return direct(bytes)
        case .frame(let frame) where frame.bytes.count >= Self.direct: return direct(frame.bytes)
        default:
            let gathered = gather(scratch)
            return (gathered, send(fd, scratch.baseAddress!, gathered, flags))
        }
    }

    private func gather(_ scratch: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        var skip = offset
        func take(_ bytes: [UInt8]) -> Bool {
            let count = bytes.count - skip
            guard filled + count <= scratch.count else { return false }
            bytes.withUnsafeBytes { scratch.baseAddress!.advanced(by: filled).copyMemory(from: $0.baseAddress! + skip, byteCount: count) }
            filled += count
            skip = 0
            return true
        }
        for i in head..<segments.count {
            switch segments[i] {
            case .bytes(let bytes): if !take(bytes) { return filled }
            case .frame(let frame): if !take(frame.bytes) { return filled }
            case .file: return filled
            }
        }
        if !tail.isEmpty { _ = take(tail) }
        return filled
    }

    private mutating func advance(_ count: Int) {
        var left = count
        while left > 0, head < segments.count {
            let segment = segments[head]
            var length = segment.memory
            if case .file(_, let range) = segment { length = range.count }
            guard left >= length - offset else {
                offset += left
                return
            }
            left -= length - offset
            offset = 0
            sealed -= segment.memory
            if case .file = segment { files -= 1 }
            segments[head] = .bytes([])
            head += 1
        }
        if head == segments.count {
            segments.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 64, head * 2 > segments.count {
            segments.removeFirst(head)
            head = 0
        }
        if left > 0 {
            offset += left
            if offset == tail.count {
                tail.removeAll(keepingCapacity: true)
                offset = 0
            }
        }
    }
}
