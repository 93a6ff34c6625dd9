/// One line of comma-separated values (RFC 4180; a field does not span lines).
enum CSVRow {
    /// The fields, or nil where quotes do not match.
    static func split(_ line: ArraySlice<UInt8>) -> [String]? {
        var fields: [String] = []
        var field: [UInt8] = []
        var i = line.startIndex
        let quote = UInt8(ascii: "\"")
        let comma = UInt8(ascii: ",")
        while true {
            field.removeAll(keepingCapacity: true)
            if i < line.endIndex, line[i] == quote {
                i += 1
                while true {
                    guard i < line.endIndex else { return nil }
                    if line[i] == quote {
                        i += 1
                        guard i < line.endIndex, line[i] == quote else { break }
                    }
                    field.append(line[i])
                    i += 1
                }
                guard i == line.endIndex || line[i] == comma else { return nil }
            } else {
                while i < line.endIndex, line[i] != comma {
                    if line[i] == quote { return nil }
                    field.append(line[i])
                    i += 1
                }
            }
            guard let text = String(validating: field, as: UTF8.self) else { return nil }
            fields.append(text)
            guard i < line.endIndex else { return fields }
            i += 1
        }
    }
}
