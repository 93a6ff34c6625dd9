/// A set of ASCII characters as two words of bits: one shift per test, no table in memory.
struct CharacterSet {
    let low: UInt64
    let high: UInt64

    @inline(__always) func contains(_ b: UInt8) -> Bool {
        if b >= 0x80 { return false }
        return (b < 64 ? low >> UInt64(b) : high >> UInt64(b & 63)) & 1 != 0
    }

    /// `tchar` of RFC 9110 §5.6.2: ``!#$%&'*+-.^_`|~``, digits and letters.
    static let token = CharacterSet(low: 0x3ff_6cfa_0000_0000, high: 0x57ff_fffe_c7ff_fffe)
    /// `reg-name` of RFC 3986 §3.2.2: unreserved, sub-delims and `%`.
    static let regName = CharacterSet(low: 0x2bff_7ff2_0000_0000, high: 0x47ff_fffe_87ff_fffe)
    /// `unreserved` of RFC 3986 §2.3: what percent-encoding leaves alone.
    static let unreserved = CharacterSet(low: 0x3ff_6000_0000_0000, high: 0x47ff_fffe_87ff_fffe)

    static func isToken(_ bytes: some Collection<UInt8>) -> Bool { !bytes.isEmpty && bytes.allSatisfy(token.contains) }
}
