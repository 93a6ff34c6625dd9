import Bytes
import Postgres

/// A group's positions, for COPY.
struct PositionRows {
    private struct Row {
        var id: Int64
        var car: Int64
        var drive: Int64?
        var position: CarPosition
    }

    private var rows: [Row] = []
    var isEmpty: Bool { rows.isEmpty }

    mutating func add(_ id: Int64, _ car: Int64, drive: Int64?, _ position: CarPosition) {
        rows.append(Row(id: id, car: car, drive: drive, position: position))
    }

    /// The drive was none: its positions stay without it.
    mutating func release(drive: Int64) {
        for i in rows.indices where rows[i].drive == drive { rows[i].drive = nil }
    }

    func write(_ transaction: PostgresTransaction) async throws(PostgresError) {
        guard !rows.isEmpty else { return }
        var copy = CopyBuffer(capacity: rows.count * 230)
        for row in rows {
            let position = row.position
            copy.beginRow(fields: Self.columns.count)
            copy.append(row.id)
            copy.append(row.car)
            copy.append(row.drive)
            copy.append(position.at)
            copy.append(position.latitude)
            copy.append(position.longitude)
            copy.append(Self.small(position.heading))
            copy.append(Self.small(position.speed))
            copy.append(Self.small(position.power))
            copy.append(Self.small(position.batteryLevel))
            copy.append(position.rangeKm)
            copy.append(position.odometerKm)
            copy.append(float4: position.insideTemp.map(Float.init))
            copy.append(float4: position.outsideTemp.map(Float.init))
            copy.append(Self.small(position.elevation))
            copy.append(float4: position.tpms.fl.map(Float.init))
            copy.append(float4: position.tpms.fr.map(Float.init))
            copy.append(float4: position.tpms.rl.map(Float.init))
            copy.append(float4: position.tpms.rr.map(Float.init))
            copy.append(position.isStreamed)
        }
        _ = try await transaction.copy(into: "heliograph.position", columns: Self.columns, rows: copy)
    }

    /// A smallint: what does not fit becomes the nearest that does.
    static func small(_ value: Int?) -> Int16? { value.map { Int16(clamping: $0) } }

    private static let columns = [
        "id", "car", "drive", "recorded_at", "latitude", "longitude", "heading", "speed", "power", "battery_level", "range_km", "odometer_km", "inside_temp",
        "outside_temp", "elevation_m", "tpms_fl", "tpms_fr", "tpms_rl", "tpms_rr", "is_streamed",
    ]
}
