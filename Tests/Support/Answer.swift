package import Bytes

/// A parsed answer.
package struct Answer: Sendable {
    package var status = 0
    package var fields: [(name: String, value: String)] = []
    package var body: [UInt8] = []

    package var text: String { String(decoding: body, as: UTF8.self) }
    package subscript(_ name: String) -> String? { fields.first { $0.name == name.lowercased() }?.value }

    /// The body as JSON; throws with its text when it is none.
    package func json() throws -> JSONValue {
        do throws(JSONError) {
            return try JSONValue.parse(body)
        } catch {
            throw Overdue(what: "JSON in: \(text.prefix(200))")
        }
    }

    /// Reads the bytes of a whole answer on a closed connection.
    package init(_ bytes: [UInt8]) throws {
        guard let end = (0..<max(0, bytes.count - 3)).first(where: { bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10 })
        else {
            throw Overdue(what: "the head of an answer, after \(bytes.count) bytes")
        }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        status = Int(lines[0].split(separator: " ")[1]) ?? 0
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields.append((line[..<colon].lowercased(), String(line[line.index(after: colon)...].drop { $0 == " " })))
        }
        body = Array(bytes[(end + 4)...])
        if self["transfer-encoding"] == "chunked" { body = try Self.unchunk(body) }
    }

    private static func unchunk(_ bytes: [UInt8]) throws -> [UInt8] {
        var out: [UInt8] = []
        var p = 0
        while true {
            guard let lineEnd = bytes[p...].firstIndex(of: 13), let size = Int(String(decoding: bytes[p..<lineEnd], as: UTF8.self), radix: 16) else {
                throw Overdue(what: "a chunk")
            }
            p = lineEnd + 2
            if size == 0 { return out }
            out += bytes[p..<(p + size)]
            p += size + 2
        }
    }
}
