import Bytes
import CLinux

/// What takes the rows of a body in their order.
protocol IntakeRows {
    /// A row begins here; consumes one value and remembers it. Throws where it is no JSON.
    mutating func read(_ reader: inout JSONReader) throws(JSONError)
    /// The row just read stands: accepts or rejects it.
    mutating func take()
    /// A line of NDJSON that is no JSON.
    mutating func badLine(_ error: JSONError)
}

/// Walks the rows of a body: one JSON object, an array of them, or one a line (NDJSON), told apart by content.
enum IntakeDocuments {
    /// Throws when the body as a whole is no JSON; of NDJSON the good lines count.
    static func read(_ body: [UInt8], into rows: inout some IntakeRows) throws(JSONError) {
        let result: Result<Void, JSONError> = body.withUnsafeBufferPointer { body in
            do throws(JSONError) {
                return .success(try read(body, into: &rows))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private static func read(_ body: UnsafeBufferPointer<UInt8>, into rows: inout some IntakeRows) throws(JSONError) {
        var reader = JSONReader(body)
        if try reader.kind() == .array {
            try reader.array { (r) throws(JSONError) in
                try rows.read(&r)
                rows.take()
            }
            return try reader.end()
        }
        if isLines(body) { return try lines(body, into: &rows) }
        try rows.read(&reader)
        try reader.end()
        rows.take()
    }

    /// Whether each line is a document of its own: there is more than one, and not all of them together are one.
    private static func isLines(_ body: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = firstLine(body), first.upperBound < body.count, !isBlank(body[first.upperBound...]) else { return false }
        return isDocument(UnsafeBufferPointer(rebasing: body[first])) || !isDocument(body)
    }

    private static func lines(_ body: UnsafeBufferPointer<UInt8>, into rows: inout some IntakeRows) throws(JSONError) {
        var first: JSONError?
        var anyGood = false
        var start = 0
        while start < body.count {
            let end = endOfLine(body, start)
            let line = UnsafeBufferPointer(rebasing: body[start..<end])
            defer { start = end + 1 }
            var reader = JSONReader(line)
            if reader.isAtEnd() { continue }
            do throws(JSONError) {
                try rows.read(&reader)
                // A row followed by garbage does not count.
                try reader.end()
                rows.take()
                anyGood = true
            } catch {
                let placed = JSONError(error.reason, at: error.offset + start)
                first = first ?? placed
                rows.badLine(placed)
            }
        }
        if !anyGood, let first { throw first }
    }

    /// The first line that is not blank, without its end.
    private static func firstLine(_ body: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        guard let start = body.firstIndex(where: { !isSpace($0) }) else { return nil }
        return start..<endOfLine(body, start)
    }

    /// Where the next line feed is, or the end.
    private static func endOfLine(_ body: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        guard let base = body.baseAddress, let found = memchr(base + start, 0x0A, body.count - start) else { return body.count }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    private static func isDocument(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var reader = JSONReader(bytes)
        do throws(JSONError) {
            try reader.skip()
            try reader.end()
            return true
        } catch {
            return false
        }
    }

    private static func isBlank(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool { bytes.allSatisfy(isSpace) }
    private static func isSpace(_ b: UInt8) -> Bool { b == 0x20 || b == 0x09 || b == 0x0A || b == 0x0D }
}
