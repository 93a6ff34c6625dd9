import CZlib

/// A gzip stream over zlib. One of these is kept per loop for whole bodies; a streamed reply has its own.
final class Gzip {
    /// Level 4 gets within a few per cent of 6 on JSON in half the time.
    static let level: Int32 = 4

    /// On the heap, since zlib keeps a pointer back to it.
    private let stream: UnsafeMutablePointer<z_stream>

    /// Nil when zlib has no memory; the body then goes uncompressed.
    init?() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard hg_deflate_init_gzip(stream, Self.level) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Compresses one whole body and gets ready for the next.
    func whole(_ bytes: [UInt8]) -> [UInt8] {
        deflateReset(stream)
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count / 4 + 64)
        feed(bytes, Z_FINISH, to: &out)
        return out
    }

    /// Compresses a piece; little comes out until enough has gone in.
    func piece(_ bytes: [UInt8], to out: inout [UInt8]) { feed(bytes, Z_NO_FLUSH, to: &out) }

    func finish(to out: inout [UInt8]) { feed([], Z_FINISH, to: &out) }

    private func feed(_ bytes: [UInt8], _ mode: Int32, to out: inout [UInt8]) {
        bytes.withUnsafeBufferPointer { input in
            // zlib reads through this pointer only; its type lacks the const.
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16 * 1024) { room in
                repeat {
                    stream.pointee.next_out = room.baseAddress
                    stream.pointee.avail_out = UInt32(room.count)
                    let code = deflate(stream, mode)
                    out.append(contentsOf: UnsafeBufferPointer(rebasing: room[0..<(room.count - Int(stream.pointee.avail_out))]))
                    if code == Z_STREAM_END || code == Z_BUF_ERROR { return }
                } while stream.pointee.avail_out == 0 || stream.pointee.avail_in > 0 || mode == Z_FINISH
            }
        }
    }

    /// Whether bodies of a type get smaller.
    static func isCompressible(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        if contentType == Reply.json { return true }
        let essence = contentType.prefix { $0 != ";" }
        if essence.hasPrefix("text/") || essence.hasSuffix("+json") || essence.hasSuffix("+xml") { return true }
        return essence == "application/json" || essence == "application/javascript" || essence == "application/x-ndjson" || essence == "application/xml"
    }
}
