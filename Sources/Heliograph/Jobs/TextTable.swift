import Bytes

/// Rows of a JSON answer as aligned columns.
struct TextTable {
    /// A column's title, the member it shows, and how many characters of it.
    struct Column {
        var title: String
        var name: String
        var most: Int

        init(_ title: String, _ name: String? = nil, most: Int = 40) {
            self.title = title
            self.name = name ?? title.lowercased()
            self.most = most
        }
    }

    static let jobs: [Column] = [
        Column("ID"), Column("STATE"), Column("KIND"), Column("QUEUE", most: 24), Column("ATTEMPT"), Column("CREATED", "created_at"),
        Column("ERROR", most: 80),
    ]

    private let lines: [[String]]

    init(_ columns: [Column], _ rows: JSONValue) {
        lines = [columns.map(\.title)] + (rows.array ?? []).map { row in columns.map { Self.cut(Self.cell(row[$0.name]), $0.most) } }
    }

    var text: String {
        var widths = [Int](repeating: 0, count: lines[0].count)
        for line in lines { for (i, cell) in line.enumerated() { widths[i] = max(widths[i], cell.count) } }
        return lines.map { line in
            var text = ""
            for (i, cell) in line.enumerated() {
                if i > 0 { text += "  " }
                text += cell
                if i < line.count - 1 { text += String(repeating: " ", count: widths[i] - cell.count) }
            }
            while text.last == " " { text.removeLast() }
            return text
        }.joined(separator: "\n")
    }

    /// One value on one line. Times lose their fraction; control characters, which could steer a terminal, become blanks.
    static func cell(_ value: JSONValue?) -> String {
        guard let value, !value.isNull else { return "" }
        guard let text = value.string else { return String(decoding: value.bytes, as: UTF8.self) }
        if text.utf8.count == 27, text.hasSuffix("Z"), RFC3339.parse(text) != nil { return String(text.prefix(19)) + "Z" }
        return plain(text)
    }

    static func plain(_ text: String) -> String {
        var clean = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: clean.unicodeScalars.append(" ")
            default: clean.unicodeScalars.append(scalar)
            }
        }
        return clean
    }

    private static func cut(_ text: String, _ most: Int) -> String { text.count > most ? text.prefix(most - 1) + "…" : text }

    /// An object as one line a member.
    static func members(_ object: JSONValue) -> String {
        (object.object ?? []).map { "\($0.key): \(cell($0.value))" }.joined(separator: "\n")
    }
}
