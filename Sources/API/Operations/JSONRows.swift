import Bytes
import Postgres

extension PostgresRows {
    /// The rows as an array of objects whose members are the columns. Arrays have to come as jsonb.
    func objects() throws -> JSONValue {
        var w = JSONWriter(capacity: 64 + count * 160)
        let names = columns
        try w.array { w in
            for row in 0..<count {
                try w.object { w in
                    for (column, name) in names.enumerated() {
                        w.key(name)
                        try write(row, column, to: &w)
                    }
                }
            }
        }
        return try JSONValue.parse(w.bytes)
    }

    /// The first row, or nil.
    func object() throws -> JSONValue? { isEmpty ? nil : try objects()[0] }
}
