import Bytes
import Postgres

/// A list of rows as `{"success":true,"data":[…],"count":n,…,"timestamp":…}`: in memory while it is one page, streamed page by page beyond.
struct ListReply {
    let dialect: ChargingDialect
    let context: DialectContext
    /// Bytes one row takes, about.
    let rowBytes: Int
    /// Writes a page's rows and returns how many it wrote.
    let write: (PostgresRows, inout JSONWriter) throws -> Int
    /// The page after this one; nil when this was the last.
    let next: (PostgresRows) async throws -> PostgresRows?
    /// Members between `count` and `timestamp`.
    var extra: (inout JSONWriter) -> Void = { _ in }

    /// The reply that begins with `first`; `isWhole` when no page can follow it.
    func reply(_ first: PostgresRows, isWhole: Bool) throws -> Reply {
        var w = JSONWriter(capacity: first.count * rowBytes + 192)
        begin(&w)
        let count = try write(first, &w)
        if isWhole {
            end(&w, count)
            return .json(w.bytes)
        }
        let begun = w
        return .stream { out in
            var w = begun
            var count = count
            var page = first
            while let following = try await next(page) {
                try await out.write(w.bytes)
                w.bytes.removeAll(keepingCapacity: true)
                count += try write(following, &w)
                page = following
            }
            end(&w, count)
            try await out.write(w.bytes)
        }
    }

    private func begin(_ w: inout JSONWriter) {
        w.beginObject()
        w.member("success", true)
        w.key("data")
        w.beginArray()
    }

    private func end(_ w: inout JSONWriter, _ count: Int) {
        w.endArray()
        w.member("count", count)
        extra(&w)
        w.member("timestamp", context.now, .localMicroseconds(dialect.offset))
        w.endObject()
    }
}
