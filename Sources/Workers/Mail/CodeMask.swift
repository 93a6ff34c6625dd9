import Bytes

/// Takes a code out of what a mail server says: some quote what they refuse.
struct CodeMask: Sendable {
    private let code: [UInt8]
    /// The most bytes between two characters of the code: spaces, hyphens, the end of a line.
    private static let mostBetween = 4

    init(_ code: String) { self.code = Array(code.utf8) }

    func masked(_ text: String) -> String {
        guard !code.isEmpty else { return text }
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var i = 0
        while i < bytes.count {
            if let end = end(of: bytes, from: i) {
                out.append(contentsOf: "******".utf8)
                i = end
            } else {
                out.append(bytes[i])
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Where the code ends that begins here.
    private func end(of bytes: [UInt8], from start: Int) -> Int? {
        var i = start
        for (n, wanted) in code.enumerated() {
            var between = 0
            while n > 0, i < bytes.count, bytes[i] != wanted, !ASCII.isDigit(bytes[i]), between < Self.mostBetween {
                i += 1
                between += 1
            }
            guard i < bytes.count, bytes[i] == wanted else { return nil }
            i += 1
        }
        return i
    }
}
