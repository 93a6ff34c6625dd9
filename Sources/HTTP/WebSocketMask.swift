/// The masking of RFC 6455 §5.3, eight bytes at a time.
enum WebSocketMask {
    /// XORs `bytes` from `start` on with the mask, whose first byte is the most significant; `phase` payload bytes came before.
    static func apply(_ mask: UInt32, phase: Int, to bytes: inout [UInt8], from start: Int) {
        let turn = UInt32(phase & 3) * 8
        let turned = turn == 0 ? mask : mask << turn | mask >> (32 - turn)
        let word = (UInt64(turned) << 32 | UInt64(turned)).bigEndian
        bytes.withUnsafeMutableBytes { raw in
            var i = start
            while i + 8 <= raw.count {
                raw.storeBytes(of: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self) ^ word, toByteOffset: i, as: UInt64.self)
                i += 8
            }
            while i < raw.count {
                raw[i] ^= UInt8(truncatingIfNeeded: turned >> UInt32(24 - 8 * ((i - start) & 3)))
                i += 1
            }
        }
    }
}
