import Bytes
import Postgres

/// A group's points of charging curves, for COPY.
struct PointRows {
    private var copy = CopyBuffer()
    var isEmpty: Bool { copy.isEmpty }

    mutating func add(_ id: Int64, charge: Int64, _ point: ChargePoint) {
        copy.beginRow(fields: Self.columns.count)
        copy.append(id)
        copy.append(charge)
        copy.append(point.at)
        copy.append(PositionRows.small(point.batteryLevel))
        copy.append(PositionRows.small(point.usableBatteryLevel))
        copy.append(point.rangeKm)
        copy.append(PositionRows.small(point.power))
        copy.append(PositionRows.small(point.voltage))
        copy.append(PositionRows.small(point.current))
        copy.append(PositionRows.small(point.phases))
        copy.append(point.energyAddedKwh)
        copy.append(float4: point.outsideTemp.map(Float.init))
    }

    func write(_ transaction: PostgresTransaction) async throws(PostgresError) {
        if !copy.isEmpty { _ = try await transaction.copy(into: "heliograph.charge_point", columns: Self.columns, rows: copy) }
    }

    private static let columns = [
        "id", "charge", "recorded_at", "battery_level", "usable_battery_level", "range_km", "charger_power", "charger_voltage", "charger_current",
        "charger_phases", "energy_added_kwh", "outside_temp",
    ]
}
