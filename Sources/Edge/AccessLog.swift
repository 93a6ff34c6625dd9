import Bytes
import CLinux
import HTTP

/// JSON lines, one per answer, through a bounded buffer that never makes a loop wait: when the reader is slow, lines are dropped and counted.
public final class AccessLog {
    public enum Target: Int32, Sendable {
        case standardOutput = 1
        case standardError = 2
    }

    /// Bytes kept for a slow reader.
    static let bound = 1024 * 1024
    /// A write of at most this much to a pipe that polls as writable never blocks (PIPE_BUF).
    static let piece = 4096

    private let target: Target
    private var buffer: [UInt8] = []
    private(set) var dropped = 0

    init(_ target: Target) { self.target = target }

    func append(_ request: Request, status: Int, bytes: Int, durationNs: Int64) {
        guard buffer.count < Self.bound else {
            dropped += 1
            return
        }
        var w = JSONWriter()
        w.object { w in
            w.member("time", request.receivedAt, .utc)
            w.member("method", request.head.methodName)
            // The query may carry tokens (the compatibility paths do), so it stays out.
            w.member("path", request.head.rawPath)
            w.member("status", status)
            w.member("bytes", bytes)
            w.member("duration_us", Int(durationNs / 1000))
            w.member("request_id", request.id)
            w.member("client", request.peer.host)
        }
        buffer.append(contentsOf: w.bytes)
        buffer.append(0x0A)
    }

    /// Writes what the reader takes at once. Called by the sweep, and when much has gathered.
    func flush() {
        var sent = 0
        buffer.withUnsafeBytes { bytes in
            while sent < bytes.count {
                var poller = pollfd(fd: target.rawValue, events: Int16(POLLOUT), revents: 0)
                guard poll(&poller, 1, 0) == 1, poller.revents & Int16(POLLOUT) != 0 else { return }
                let n = write(target.rawValue, bytes.baseAddress! + sent, min(Self.piece, bytes.count - sent))
                guard n > 0 else { return }
                sent += n
            }
        }
        buffer.removeFirst(sent)
        if buffer.isEmpty { buffer = [] }
    }

    var isLarge: Bool { buffer.count > 32 * 1024 }
}
