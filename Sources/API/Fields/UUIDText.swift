import Bytes

/// Whether a text is a UUID in its usual form of 36 characters: PostgreSQL takes others too, and raises where it is none.
enum UUIDText {
    static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard bytes.count == 36 else { return false }
        for (i, byte) in bytes.enumerated() {
            switch i {
            case 8, 13, 18, 23: if byte != UInt8(ascii: "-") { return false }
            default: if ASCII.hexValue(byte) == nil { return false }
            }
        }
        return true
    }
}
