import CZlib

/// Deflates short texts against the preset dictionary, and reads them back. One of these is kept by who writes or reads many.
final class JournalDeflate {
    /// 16 KiB reach the whole dictionary and the text before it.
    private static let windowBits: Int32 = 14
    /// The hash tables are cleared for every text: small ones cost less.
    private static let memoryLevel: Int32 = 6
    private static let level: Int32 = 4
    /// A text longer than this was not written by us.
    static let mostBytes = 8 << 20

    /// On the heap, since zlib keeps pointers back to them.
    private let writer: UnsafeMutablePointer<z_stream>
    private let reader: UnsafeMutablePointer<z_stream>

    init() {
        writer = .allocate(capacity: 1)
        writer.initialize(to: z_stream())
        reader = .allocate(capacity: 1)
        reader.initialize(to: z_stream())
        guard hg_deflate_init_raw(writer, Self.level, Self.windowBits, Self.memoryLevel) == Z_OK, hg_inflate_init_raw(reader, Self.windowBits) == Z_OK else {
            preconditionFailure("zlib has no memory")
        }
    }

    deinit {
        deflateEnd(writer)
        inflateEnd(reader)
        writer.deallocate()
        reader.deallocate()
    }

    /// nil where it does not get shorter.
    func deflated(_ text: [UInt8], _ dictionary: [UInt8]) -> [UInt8]? {
        guard text.count > 64 else { return nil }
        deflateReset(writer)
        guard deflateSetDictionary(writer, dictionary, UInt32(dictionary.count)) == Z_OK else { return nil }
        var out = [UInt8](repeating: 0, count: text.count)
        let written: Int? = text.withUnsafeBufferPointer { input in
            out.withUnsafeMutableBufferPointer { room in
                // zlib reads through this pointer only; its type lacks the const.
                writer.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                writer.pointee.avail_in = UInt32(input.count)
                writer.pointee.next_out = room.baseAddress
                writer.pointee.avail_out = UInt32(room.count)
                return deflate(writer, Z_FINISH) == Z_STREAM_END ? room.count - Int(writer.pointee.avail_out) : nil
            }
        }
        guard let written, written < text.count else { return nil }
        return Array(out[..<written])
    }

    /// nil where the bytes are not what `deflated` made with this dictionary.
    func inflated(_ bytes: ArraySlice<UInt8>, _ dictionary: [UInt8]) -> [UInt8]? {
        inflateReset(reader)
        guard inflateSetDictionary(reader, dictionary, UInt32(dictionary.count)) == Z_OK else { return nil }
        var out: [UInt8] = []
        let isWhole: Bool = bytes.withUnsafeBufferPointer { input in
            reader.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            reader.pointee.avail_in = UInt32(input.count)
            return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16 * 1024) { room in
                while out.count <= Self.mostBytes {
                    reader.pointee.next_out = room.baseAddress
                    reader.pointee.avail_out = UInt32(room.count)
                    let code = inflate(reader, Z_NO_FLUSH)
                    out.append(contentsOf: UnsafeBufferPointer(rebasing: room[0..<(room.count - Int(reader.pointee.avail_out))]))
                    if code == Z_STREAM_END { return reader.pointee.avail_in == 0 }
                    if code != Z_OK { return false }
                }
                return false
            }
        }
        return isWhole ? out : nil
    }
}
