import Bytes
import Testing

@Suite struct TextTests {
    /// The standard library's own word on it.
    private func isUTF8(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    @Test func validityAgreesWithTheStandardLibraryAtEveryBoundary() {
        for a in UInt8.min ... .max {
            #expect(UTF8Check.isValid([a]) == isUTF8([a]))
            for b in stride(from: UInt8(0x3F), through: 0xFF, by: 0x10) where UTF8Check.isValid([a, b]) != isUTF8([a, b]) { Issue.record("\([a, b])") }
        }
        let edges: [UInt8] = [0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5]
        for a in edges {
            for b in edges {
                for c in edges {
                    if UTF8Check.isValid([a, b, c]) != isUTF8([a, b, c]) { Issue.record("\([a, b, c])") }
                    for d in [0x7F, 0x80, 0xBF, 0xC0] as [UInt8] where UTF8Check.isValid([a, b, c, d]) != isUTF8([a, b, c, d]) {
                        Issue.record("\([a, b, c, d])")
                    }
                }
            }
        }
    }

    @Test func piecesAreJudgedAsTheWholeIs() {
        var random = Seeded(9)
        let text = Array("aé中😀\u{7FF}\u{800}\u{FFFF}\u{10FFFF}".utf8)
        for round in 0..<5_000 {
            var bytes = text
            if round % 2 == 0 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next()) }
            if round % 3 == 0 { bytes.removeLast(Int.random(in: 0..<4, using: &random)) }
            var check = UTF8Check()
            var ok = true
            var rest = bytes[...]
            while ok, !rest.isEmpty {
                let piece = Array(rest.prefix(Int.random(in: 1...3, using: &random)))
                rest = rest.dropFirst(piece.count)
                ok = piece.withUnsafeBufferPointer { check.feed($0) }
            }
            #expect((ok && check.isComplete) == isUTF8(bytes), "\(bytes)")
        }
    }

    @Test func aCursorMovesOnlyPastWhatItTakes() {
        let text = Array("2026-x99999999999999999999".utf8)
        text.withUnsafeBufferPointer { buffer in
            var c = ASCIICursor(buffer)
            func at(_ position: Int, _ what: Bool) { #expect(what && c.position == position, "\(position)") }
            var n = c.digits(5)
            at(0, n == nil)
            var taken = c.take(UInt8(ascii: "-"))
            at(0, !taken)
            n = c.digits(4)
            at(4, n == 2026)
            taken = c.take(UInt8(ascii: "-"))
            at(5, taken)
            n = c.number()
            at(5, n == nil && c.next == UInt8(ascii: "x"))
            c.skip()
            // A number that overflows is not taken half.
            n = c.number()
            at(6, n == nil)
            n = c.digits(30)
            at(6, n == nil)
            n = c.digits(18)
            at(24, n == 999_999_999_999_999_999)
            n = c.number()
            at(26, n == 99 && c.isAtEnd && c.next == nil)
            n = c.number() ?? c.digits(1)
            taken = c.take(0)
            at(26, n == nil && !taken)
        }
    }

    @Test func byteClassesAreThoseOfASCII() {
        for b in UInt8.min ... .max {
            let c = Character(Unicode.Scalar(b))
            #expect(ASCII.isDigit(b) == ("0"..."9").contains(c))
            #expect(ASCII.hexValue(b).map(Int.init) == (b < 0x80 ? c.hexDigitValue : nil))
            #expect(ASCII.lower(b) == (("A"..."Z").contains(c) ? b + 32 : b))
        }
        #expect(ASCII.equalsIgnoringCase("Content-LENGTH".utf8, "content-length"))
        #expect(!ASCII.equalsIgnoringCase("Content-Lengt".utf8, "content-length"))
        #expect(!ASCII.equalsIgnoringCase("@".utf8, "`"))
    }
}
