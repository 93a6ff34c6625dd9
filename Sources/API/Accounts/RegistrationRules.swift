import Bytes

/// What an account's e-mail address, user name and password look like. Pure.
enum RegistrationRules {
    /// In characters (Unicode scalars, as PostgreSQL counts them).
    static let usernameLengths = 3...32
    static let passwordLengths = 8...128
    /// RFC 5321 §4.5.3.1, bytes.
    static let maxEmailBytes = 254
    static let maxLocalBytes = 64

    /// The address in lower case; nil when it is none. Stricter than RFC 5322: ASCII, no quotes, no comments, no address literals, and a domain with a
    /// dot. One address is one account, however its owner writes it.
    static func email(_ text: String) -> String? {
        let bytes = text.utf8.map { ASCII.lower($0) }
        guard bytes.count <= maxEmailBytes, let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { return nil }
        guard isLocal(bytes[..<at]), isDomain(bytes[(at + 1)...]) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let localMarks = Set("!#$%&'*+/=?^_`{|}~-".utf8)

    private static func isLocal(_ local: ArraySlice<UInt8>) -> Bool {
        guard (1...maxLocalBytes).contains(local.count) else { return false }
        return local.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.allSatisfy { isAlphanumeric($0) || localMarks.contains($0) }
        }
    }

    private static func isDomain(_ domain: ArraySlice<UInt8>) -> Bool {
        let labels = domain.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.count >= 2, let top = labels.last, top.count >= 2, !top.allSatisfy(ASCII.isDigit) else { return false }
        let hyphen = UInt8(ascii: "-")
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen && label.allSatisfy { isAlphanumeric($0) || $0 == hyphen }
        }
    }

    /// Bytes are in lower case already.
    private static func isAlphanumeric(_ byte: UInt8) -> Bool { ASCII.isDigit(byte) || byte &- 0x61 < 26 }

    /// Letters of any script, digits, and `_ - .`: no `@`, so that no name reads as somebody's address.
    static func isUsername(_ name: String) -> Bool {
        let scalars = name.unicodeScalars
        guard usernameLengths.contains(scalars.count) else { return false }
        return scalars.allSatisfy { scalar in
            switch scalar {
            case "0"..."9", "_", "-", ".": true
            default: scalar.properties.isAlphabetic
            }
        }
    }

    /// At least one letter, of any script, and one digit.
    static func isPassword(_ password: String) -> Bool {
        let scalars = password.unicodeScalars
        guard passwordLengths.contains(scalars.count) else { return false }
        return scalars.contains { $0.properties.isAlphabetic } && scalars.contains { ("0"..."9").contains($0) }
    }
}
