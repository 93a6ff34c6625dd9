/// What content codings a client takes (RFC 9110 §12.5.3), as far as this server has them: gzip and identity.
public struct AcceptEncoding: Hashable, Sendable {
    /// Weights in thousandths; nil where the client did not say.
    public private(set) var gzip: Int?
    public private(set) var identity: Int?
    private var any: Int?

    /// Reads a field value. Malformed members are skipped: the field is advice.
    public init(_ text: String?) {
        guard let text else { return }
        var t = FieldText(text)
        while !t.isAtEnd {
            t.skipSpace()
            let name = t.take("*") ? "*" : t.token()
            var weight: Int? = 1000
            t.skipSpace()
            if t.take(";") {
                t.skipSpace()
                weight = t.token() == "q" && t.take("=") ? Self.weight(t.until(",")) : nil
            }
            _ = t.until(",")
            _ = t.take(",")
            guard let name, let weight else { continue }
            switch name {
            case "gzip", "x-gzip": gzip = weight
            case "identity": identity = weight
            case "*": any = weight
            default: break
            }
        }
    }

    /// Whether gzip may be used and is not wanted less than no coding at all.
    public var prefersGzip: Bool {
        let gzip = self.gzip ?? any ?? 0
        return gzip > 0 && gzip >= (identity ?? 0)
    }

    /// `0`, `0.5`, `1.000`: at most three decimals (RFC 9110 §12.4.2).
    static func weight(_ text: String) -> Int? {
        let digits = Array(text.utf8)
        guard let first = digits.first, first == 0x30 || first == 0x31, digits.count <= 5 else { return nil }
        var value = Int(first - 0x30) * 1000
        if digits.count == 1 { return value }
        guard digits[1] == UInt8(ascii: ".") else { return nil }
        var scale = 100
        for digit in digits[2...] {
            guard digit &- 0x30 < 10 else { return nil }
            value += Int(digit - 0x30) * scale
            scale /= 10
        }
        return value <= 1000 ? value : nil
    }
}
