import Bytes

/// A mailbox: an address, and a name that may be empty.
public struct MailAddress: Hashable, Sendable {
    public let name: String
    public let address: String

    /// - Parameter address: `local@domain` with a dot-atom before the @ (RFC 5322 §3.4.1) and a host name of at most 253 bytes behind it, in ASCII:
    ///   quoted local parts and SMTPUTF8 addresses are refused, for few servers take them.
    /// - Parameter name: any text without control characters.
    public init(name: String = "", address: String) throws(MailFault) {
        if let fault = Self.fault(address) { throw MailFault(fault) }
        if MailField.hasControl(name) { throw MailFault("a name in a mail must not contain control characters") }
        self.name = name
        self.address = address
    }

    /// Reads `Name <local@domain>`, `"Name" <local@domain>` or `local@domain`.
    public init(_ text: String) throws(MailFault) {
        guard text.hasSuffix(">"), let open = text.lastIndex(of: "<") else {
            try self.init(address: text)
            return
        }
        var name = text[..<open]
        while name.last == " " { name.removeLast() }
        while name.first == " " { name.removeFirst() }
        if name.count >= 2, name.first == "\"", name.last == "\"" { name = name.dropFirst().dropLast() }
        try self.init(name: String(name), address: String(text[text.index(after: open)...].dropLast()))
    }

    public var domain: String { String(address[address.index(after: address.lastIndex(of: "@") ?? address.startIndex)...]) }

    private static func fault(_ address: String) -> String? {
        let bytes = Array(address.utf8)
        guard let at = bytes.lastIndex(of: UInt8(ascii: "@")), (1...64).contains(at), (1...253).contains(bytes.count - at - 1), bytes.count <= 254 else {
            return "a mail address must be local@domain of at most 254 bytes"
        }
        let isLocal = bytes[..<at].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0.allSatisfy(isAtom)
        }
        let isDomain = bytes[(at + 1)...].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy {
            (1...63).contains($0.count) && $0.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
        }
        return isLocal && isDomain ? nil : "a mail address must be local@domain in ASCII, without quotes or spaces"
    }

    static func isAtom(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte) }
    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { ASCII.isDigit(byte) || (byte | 0x20) &- 0x61 < 26 }
}
