import HTTP

/// Where a streamed reply is written. Waits when the client reads slower than the handler writes.
public final class ReplyWriter {
    /// The client has gone, or was cut; the handler should end.
    public struct Closed: Error {}

    private let connection: HTTPConnection
    private let isChunked: Bool
    private let gzip: Gzip?

    init(_ connection: HTTPConnection, isChunked: Bool, gzip: Gzip?) {
        self.connection = connection
        self.isChunked = isChunked
        self.gzip = gzip
    }

    /// Sends a piece; a few kilobytes at a time are best. Throws `Closed`.
    public func write(_ bytes: [UInt8]) async throws {
        guard connection.phase == .responding else { throw Closed() }
        if let gzip {
            var out: [UInt8] = []
            gzip.piece(bytes, to: &out)
            emit(out)
        } else {
            emit(bytes)
        }
        if connection.isOverHighWater {
            await connection.drained()
            guard connection.phase == .responding else { throw Closed() }
        }
    }

    public func write(_ text: String) async throws { try await write(Array(text.utf8)) }

    func finish() {
        if let gzip {
            var out: [UInt8] = []
            gzip.finish(to: &out)
            emit(out)
        }
        if isChunked { connection.out.write { ResponseHead.lastChunk(to: &$0) } }
    }

    private func emit(_ bytes: [UInt8]) {
        if bytes.isEmpty { return }
        connection.bodySent += bytes.count
        if isChunked {
            connection.out.write { ResponseHead.chunk(bytes, to: &$0) }
        } else {
            connection.out.append(bytes)
        }
        connection.markDirty()
    }
}
