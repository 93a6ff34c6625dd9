import Bytes

/// Walks the fields of a state in one fixed order, writing or reading: one description per type serves both, so they cannot drift apart.
///
/// Little-endian. Errors stick: after the first, reads leave their fields alone and `isValid` is false.
struct StateIO {
    private(set) var bytes: [UInt8]
    private(set) var isValid = true
    private let isReading: Bool
    private var position: Int

    /// Beyond any physical value and small enough that squares stay finite.
    private static let maxMagnitude = 1e60
    /// Past year 30000: beyond any time the intake accepts, and differences do not overflow.
    private static let maxMicroseconds: UInt64 = 1_000_000_000_000_000_000

    init(writingWithCapacity capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
        isReading = false
        position = 0
    }

    init(reading bytes: [UInt8], from position: Int, to end: Int) {
        self.bytes = Array(bytes[position..<end])
        isReading = true
        self.position = 0
    }

    /// Whether a read used exactly what there was.
    var isComplete: Bool { isValid && position == bytes.count }

    mutating func fail() { isValid = false }

    private mutating func raw<T: FixedWidthInteger & UnsignedInteger>(_ v: inout T) {
        let width = T.bitWidth / 8
        if !isReading {
            for i in 0..<width { bytes.append(UInt8(truncatingIfNeeded: v >> T(i * 8))) }
            return
        }
        guard isValid, position + width <= bytes.count else { return fail() }
        var n: T = 0
        for i in 0..<width { n |= T(bytes[position + i]) << T(i * 8) }
        position += width
        v = n
    }

    mutating func field(_ v: inout UInt8) { raw(&v) }
    mutating func field(_ v: inout UInt16) { raw(&v) }
    mutating func field(_ v: inout UInt32) { raw(&v) }

    mutating func field(_ v: inout Bool) {
        var b: UInt8 = v ? 1 : 0
        raw(&b)
        if b > 1 { return fail() }
        if isValid { v = b == 1 }
    }

    mutating func field(_ v: inout Double) {
        var bits = v.bitPattern
        raw(&bits)
        let d = Double(bitPattern: bits)
        if isReading && !(d.magnitude <= Self.maxMagnitude) { return fail() }
        if isValid { v = d }
    }

    mutating func field(_ v: inout Float) {
        var bits = v.bitPattern
        raw(&bits)
        let f = Float(bitPattern: bits)
        if isReading && !f.isFinite { return fail() }
        if isValid { v = f }
    }

    /// Whether something in a state that follows from the rules was read; a value no run can produce is rubbish.
    mutating func require(_ condition: Bool) { if isReading && !condition { fail() } }

    mutating func field(_ v: inout Timestamp?) {
        var bits = UInt64(bitPattern: v?.microseconds ?? Int64.min)
        raw(&bits)
        guard isValid else { return }
        let micros = Int64(bitPattern: bits)
        if isReading && micros != Int64.min && micros.magnitude > Self.maxMicroseconds { return fail() }
        v = micros == Int64.min ? nil : Timestamp(microseconds: micros)
    }

    mutating func field(_ v: inout [Float]) { for i in v.indices { field(&v[i]) } }
    mutating func field(_ v: inout [UInt8]) { for i in v.indices { field(&v[i]) } }
    mutating func field(_ v: inout [Timestamp?]) { for i in v.indices { field(&v[i]) } }
}
