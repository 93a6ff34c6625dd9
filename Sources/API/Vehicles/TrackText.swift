import Bytes
import Postgres

/// A drive as GPX 1.1: one track of one segment.
struct GPXText: RowText {
    static let type = "application/gpx+xml; charset=utf-8"

    var bytes: [UInt8] = []

    init(name: String, start: Timestamp) {
        bytes.reserveCapacity(64 * 1024)
        put(#"<?xml version="1.0" encoding="UTF-8"?>"# + "\n")
        put(#"<gpx version="1.1" creator="Heliograph" xmlns="http://www.topografix.com/GPX/1/1">"#)
        put("<metadata><time>\(RFC3339.string(start, .utc))</time></metadata><trk><name>")
        put(Self.escaped(name))
        put("</name><trkseg>\n")
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func append(_ rows: PostgresRows, _ row: Int) throws {
        put("<trkpt lat=\"")
        JSONWriter.append(try rows.double(row, PositionColumn.latitude), to: &bytes)
        put("\" lon=\"")
        JSONWriter.append(try rows.double(row, PositionColumn.longitude), to: &bytes)
        put("\">")
        if let metres = try rows.intIfPresent(row, PositionColumn.elevation) { put("<ele>\(metres)</ele>") }
        put("<time>")
        RFC3339.append(try rows.timestamp(row, PositionColumn.time), .utc, to: &bytes)
        put("</time></trkpt>\n")
    }

    mutating func end() { put("</trkseg></trk></gpx>\n") }

    /// A text as XML's character data. What XML 1.0 cannot hold at all becomes U+FFFD.
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&apos;"
            case "\t", "\n", "\r": out.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: out += "\u{FFFD}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}

/// A drive's positions as CSV (RFC 4180): numbers and times alone, so that no cell can be taken for a formula.
struct CSVText: RowText {
    static let type = "text/csv; charset=utf-8"
    /// Columns of `DriveSQL.positions`, from `first` on, and their names.
    private static let first = 4
    private static let names = [
        "latitude", "longitude", "heading", "speed", "power", "battery_level", "range_km", "odometer", "inside_temp", "outside_temp", "elevation",
        "tpms_pressure_fl", "tpms_pressure_fr", "tpms_pressure_rl", "tpms_pressure_rr",
    ]
    private static let whole: Set<Int> = [6, 7, 8, 9, 14]

    var bytes: [UInt8] = []

    init() {
        bytes.reserveCapacity(64 * 1024)
        bytes.append(contentsOf: "recorded_at,\(Self.names.joined(separator: ","))\r\n".utf8)
    }

    mutating func append(_ rows: PostgresRows, _ row: Int) throws {
        RFC3339.append(try rows.timestamp(row, PositionColumn.time), .utc, to: &bytes)
        for column in Self.first..<(Self.first + Self.names.count) {
            bytes.append(UInt8(ascii: ","))
            if Self.whole.contains(column) {
                if let value = try rows.intIfPresent(row, column) { JSONWriter.append(value, to: &bytes) }
            } else if let value = column < 12 ? try rows.doubleIfPresent(row, column) : try rows.short(row, column), value.isFinite {
                JSONWriter.append(value, to: &bytes)
            }
        }
        bytes.append(contentsOf: "\r\n".utf8)
    }

    mutating func end() {}
}
