import Bytes
import HTTP
import Postgres

extension VehicleRoutes {
    /// A drive as its track is asked for.
    private struct Span {
        let drive: Int64
        let start: Timestamp
        let end: Timestamp
        let car: String

        /// Frames may be older than the drive that they began: the window is wide, it is there to leave partitions out.
        static let slack: Int64 = 86_400
    }

    private func span(_ request: Request) async throws -> Span {
        let drive = try request.number(of: "drive")
        let rows = try await pool.query(DriveSQL.span, Parameters(drive), retryOnLoss: true)
        guard !rows.isEmpty else { throw APIError.notFound("drive not found") }
        return Span(drive: drive, start: try rows.timestamp(0, 0), end: try rows.timestamp(0, 1), car: try rows.string(0, 2))
    }

    private static func window(_ from: Timestamp, _ to: Timestamp) -> (Timestamp, Timestamp) {
        (from.adding(seconds: -Span.slack), to.microseconds == .max ? to : to.adding(seconds: Span.slack))
    }

    private func pages(_ span: Span) -> PagedRows {
        let (from, to) = Self.window(span.start, span.end)
        return PagedRows { [pool] time, id in
            try await pool.query(DriveSQL.positions, Parameters(span.drive, from, to, time, id, PagedRows.size), retryOnLoss: true)
        }
    }

    /// Spec: the positions of a drive, in their order. `simplify` leaves out those that do not change the path.
    func positions(_ request: Request) async throws -> Reply {
        let metres = try request.simplifyMetres()
        let span = try await span(request)
        var kept: [Bool]?
        if let metres { kept = try await paths([span.drive], span.start, span.end)[span.drive].map { PathSimplifier.kept($0, metres: metres) } }
        return try await RowDocument.reply(PositionText(), kept: kept, pages(span))
    }

    func export(_ request: Request) async throws -> Reply {
        let format = try request.text("format") ?? "gpx"
        guard format == "gpx" || format == "csv" else { throw APIError.invalid("format", "format must be gpx or csv") }
        let span = try await span(request)
        var reply =
            format == "csv"
            ? try await RowDocument.reply(CSVText(), type: CSVText.type, pages(span))
            : try await RowDocument.reply(GPXText(name: "\(span.car) · \(span.drive)", start: span.start), type: GPXText.type, pages(span))
        reply.headers.append(("Content-Disposition", "attachment; filename=\"drive-\(span.drive).\(format)\""))
        return reply
    }

    // MARK: Footprint

    /// Drives of one page; with paths fewer, since each brings thousands of points.
    private static let footprintPage = 1_000
    private static let pathPage = 10

    /// Spec: the ends of the drives of the last days. With `simplify` each has its `path` too, as pairs of latitude and longitude.
    func footprint(_ request: Request) async throws -> Reply {
        let number = try request.number(of: "car")
        let days = try request.days(usual: 90, most: 36_500)
        let metres = try request.simplifyMetres()
        let from = request.receivedAt.adding(seconds: -Int64(days) * 86_400)
        guard try await !pool.query(VehicleSQL.isThere, Parameters(number), retryOnLoss: true).isEmpty else { throw Self.unknownCar }
        let size = metres == nil ? Self.footprintPage : Self.pathPage
        var w = JSONWriter(capacity: 16 * 1024)
        w.beginObject()
        w.key("data")
        w.beginArray()
        let first = try await footprints(number, from, before: Timestamp(microseconds: .max), size, metres, to: &w)
        guard let last = first else {
            w.endArray()
            w.endObject()
            return .json(w.bytes)
        }
        let begun = w
        return .stream { [self] out in try await footprints(number, from, before: last, size, metres, after: begun, to: out) }
    }

    private func footprints(
        _ car: Int64, _ from: Timestamp, before: Timestamp, _ size: Int, _ metres: Double?, after begun: JSONWriter, to out: ReplyWriter
    ) async throws {
        var w = begun
        var next: Timestamp? = before
        while let before = next {
            try await out.write(w.bytes)
            w.bytes.removeAll(keepingCapacity: true)
            next = try await footprints(car, from, before: before, size, metres, to: &w)
        }
        w.endArray()
        w.endObject()
        try await out.write(w.bytes)
    }

    /// Writes a page; returns where the next one begins, nil after the last.
    private func footprints(
        _ car: Int64, _ from: Timestamp, before: Timestamp, _ size: Int, _ metres: Double?, to w: inout JSONWriter
    ) async throws -> Timestamp? {
        let rows = try await pool.query(DriveSQL.footprints, Parameters(car, from, before, size), retryOnLoss: true)
        guard !rows.isEmpty else { return nil }
        var paths: [Int64: [PathSimplifier.Point]] = [:]
        if metres != nil {
            let drives = try (0..<rows.count).map { row in try rows.int64(row, 1) }
            paths = try await self.paths(drives, try rows.timestamp(rows.count - 1, 2), try rows.timestamp(0, 3))
        }
        for row in 0..<rows.count {
            w.beginObject()
            try DriveSQL.footprint.members(rows, row, to: &w)
            if let metres {
                w.key("path")
                Self.write(paths[try rows.int64(row, 1)] ?? [], metres, to: &w)
            }
            w.endObject()
        }
        return rows.count == size ? try rows.timestamp(rows.count - 1, 2) : nil
    }

    private static func write(_ path: [PathSimplifier.Point], _ metres: Double, to w: inout JSONWriter) {
        let kept = PathSimplifier.kept(path, metres: metres)
        w.array { w in
            for (point, isKept) in zip(path, kept) where isKept {
                w.array { w in
                    w.value(point.latitude)
                    w.value(point.longitude)
                }
            }
        }
    }

    private func paths(_ drives: [Int64], _ start: Timestamp, _ end: Timestamp) async throws -> [Int64: [PathSimplifier.Point]] {
        let (from, to) = Self.window(start, end)
        let rows = try await pool.query(DriveSQL.points, Parameters(drives, from, to), retryOnLoss: true)
        var paths: [Int64: [PathSimplifier.Point]] = [:]
        for row in 0..<rows.count {
            paths[try rows.int64(row, 0), default: []].append(
                PathSimplifier.Point(latitude: try rows.double(row, 1), longitude: try rows.double(row, 2)))
        }
        return paths
    }
}
