import Bytes

/// One value in PostgreSQL's binary form, where it lies in a result.
struct WireValue {
    let bytes: UnsafeBufferPointer<UInt8>

    init(_ start: UnsafeRawPointer?, _ count: Int) {
        bytes = UnsafeBufferPointer(start: start?.assumingMemoryBound(to: UInt8.self), count: start == nil ? 0 : count)
    }

    /// A big-endian integer at an offset; 0 past the end, which a server's answer never is.
    func integer<T: FixedWidthInteger>(_: T.Type, at offset: Int = 0) -> T {
        let size = T.bitWidth / 8
        guard let base = bytes.baseAddress, offset + size <= bytes.count else { return 0 }
        return T(bigEndian: UnsafeRawPointer(base + offset).loadUnaligned(as: T.self))
    }

    func timestamp() -> Timestamp {
        let micros = integer(Int64.self)
        let isInfinite = micros == .max || micros == .min
        return Timestamp(microseconds: isInfinite ? micros : micros &+ PostgresType.epochMicros)
    }

    func uuid() -> String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (i, byte) in bytes.enumerated() {
            if i == 4 || i == 6 || i == 8 || i == 10 { text.append(UInt8(ascii: "-")) }
            for digit in [byte >> 4, byte & 15] { text.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A numeric: base-10,000 digits, the weight of the first, a sign, a display scale. Written out in decimal and read back,
    /// since summing powers of 10,000 in binary would round twice.
    func numeric() -> Double {
        let count = Int(integer(Int16.self))
        let weight = Int(integer(Int16.self, at: 2))
        switch integer(UInt16.self, at: 4) {
        case 0xC000: return .nan
        case 0xD000: return .infinity
        case 0xF000: return -.infinity
        case 0x4000: return -magnitude(count, weight)
        default: return magnitude(count, weight)
        }
    }

    private func magnitude(_ count: Int, _ weight: Int) -> Double {
        guard count > 0 else { return 0 }
        var text = ""
        for i in 0..<count {
            let digit = String(integer(UInt16.self, at: 8 + i * 2))
            text += String(repeating: "0", count: 4 - digit.utf8.count) + digit
        }
        return Double(text + "e\((weight - count + 1) * 4)") ?? .nan
    }

    /// The elements of a one-dimensional array, nil for NULL; a second dimension is read in storage order.
    func elements() -> (type: UInt32, items: [WireValue?]) {
        let dimensions = Int(integer(Int32.self))
        let type = integer(UInt32.self, at: 8)
        // Every element has a length of four bytes: that bounds what the dimensions may claim.
        let limit = bytes.count / 4
        guard dimensions > 0, dimensions <= limit else { return (type, []) }
        var total = 1
        for d in 0..<dimensions { total = min(limit, total * max(0, min(limit, Int(integer(Int32.self, at: 12 + d * 8))))) }
        var offset = 12 + dimensions * 8
        var items: [WireValue?] = []
        items.reserveCapacity(total)
        for _ in 0..<total where offset + 4 <= bytes.count {
            let length = Int(integer(Int32.self, at: offset))
            offset += 4
            if length < 0 {
                items.append(nil)
            } else if offset + length <= bytes.count {
                items.append(WireValue(bytes.baseAddress.map { UnsafeRawPointer($0 + offset) }, length))
                offset += length
            }
        }
        return (type, items)
    }
}
