import Bytes
import Postgres

/// Counts by anomaly type, most first, with their share of the total in percent, rounded to two digits.
struct AnomalyShares {
    private let items: [(type: String, count: Int)]
    let total: Int

    /// Takes rows of type and count.
    init(_ rows: PostgresRows) throws {
        items = try rows.map { (try $0.next(), try $0.next()) }
        total = items.reduce(0) { $0 + $1.count }
    }

    func write(to w: inout JSONWriter) {
        w.array { w in
            for item in items {
                w.object { w in
                    w.member("anomaly_type", item.type)
                    w.member("count", item.count)
                    w.member("percentage", Self.percentage(item.count, of: total))
                }
            }
        }
    }

    static func percentage(_ count: Int, of total: Int) -> Double {
        total == 0 ? 0 : (Double(count) * 10_000 / Double(total)).rounded() / 100
    }
}
