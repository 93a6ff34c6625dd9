import Bytes
import Postgres

/// Rows in the order of their time and id (columns 0 and 1), read a page at a time after the last one had.
struct PagedRows {
    /// Rows read at once. One page is answered from memory, more are streamed.
    static let size = 2_000

    let read: (_ after: Timestamp, _ id: Int64) async throws -> PostgresRows

    func first() async throws -> PostgresRows { try await read(Timestamp(microseconds: .min), 0) }

    /// nil when `page` was the last.
    func next(after page: PostgresRows) async throws -> PostgresRows? {
        guard page.count == Self.size else { return nil }
        return try await read(try page.timestamp(page.count - 1, 0), try page.int64(page.count - 1, 1))
    }
}

/// Makes a document of rows, one after the other.
protocol RowText {
    /// What is written so far and not sent.
    var bytes: [UInt8] { get set }
    mutating func append(_ rows: PostgresRows, _ row: Int) throws
    /// Sees a row that is left out.
    mutating func skip(_ rows: PostgresRows, _ row: Int) throws
    mutating func end()
}

extension RowText {
    mutating func skip(_ rows: PostgresRows, _ row: Int) throws {}
}

/// A document of rows as a reply: in memory while they are one page, streamed page by page beyond.
struct RowDocument<Text: RowText> {
    var text: Text
    /// Which rows are written, by their place in the order; those past its end are. nil: all.
    var kept: [Bool]?
    private var place = 0

    init(_ text: Text, kept: [Bool]? = nil) {
        self.text = text
        self.kept = kept
    }

    static func reply(_ text: Text, kept: [Bool]? = nil, type: String = Reply.json, _ pages: PagedRows) async throws -> Reply {
        var document = RowDocument(text, kept: kept)
        let first = try await pages.first()
        try document.append(first)
        guard first.count == PagedRows.size else {
            document.text.end()
            return Reply(contentType: type, .bytes(document.text.bytes))
        }
        let begun = document
        return .stream(contentType: type) { out in try await begun.write(after: first, pages, to: out) }
    }

    private func write(after first: PostgresRows, _ pages: PagedRows, to out: ReplyWriter) async throws {
        var document = self
        var page = first
        while let following = try await pages.next(after: page) {
            try await out.write(document.text.bytes)
            document.text.bytes.removeAll(keepingCapacity: true)
            try document.append(following)
            page = following
        }
        document.text.end()
        try await out.write(document.text.bytes)
    }

    private mutating func append(_ rows: PostgresRows) throws {
        for row in 0..<rows.count {
            if let kept, place < kept.count, !kept[place] { try text.skip(rows, row) } else { try text.append(rows, row) }
            place += 1
        }
    }
}
