import Bytes
import Postgres
import Protocol
import Reactor
import TestSupport

/// A car as the spec's examples have it, with what it did on 2024-01-07.
enum Garage {
    static let car = """
        INSERT INTO heliograph.car (tesla_id, tesla_vehicle_id, vin, name, model, exterior_color, trim_badging, wheel_type, created_at, updated_at)
        VALUES (1234567890, 1126341070917908, 'LRW3E7EK1NC123456', '我的特斯拉', 'model3', 'DeepBlue', 'P100D', 'Pinwheel18',
            '2024-01-01T00:00:00Z', '2024-01-07T12:00:00Z');
        """

    /// Its live state is the spec's, and poller `p1` has it.
    static let memory = """
        INSERT INTO heliograph.car_memory (car, poller, view) SELECT 1, 'p1', '\(SpecExamples.state)'::jsonb -> 'data';
        """

    static func place(_ latitude: Double, _ longitude: Double, _ address: String) -> String {
        """
        INSERT INTO heliograph.place (key, address, provider)
        VALUES (heliograph.place_key(\(latitude), \(longitude)), '\(address)', 'amap') ON CONFLICT DO NOTHING;
        """
    }

    static let drive = """
        INSERT INTO heliograph.drive (id, car, started_at, ended_at, duration_min, start_battery_level, end_battery_level, start_range_km, end_range_km,
            start_odometer_km, end_odometer_km, distance_km, speed_max, power_max, power_min, inside_temp_avg, outside_temp_avg, energy_used_kwh,
            energy_regen_kwh, start_latitude, start_longitude, end_latitude, end_longitude, end_reason)
        VALUES (1, 1, '2024-01-07T10:00:00Z', '2024-01-07T10:30:00Z', 30.5, 80, 70, 350, 300, 12300, 12325.5, 25.5, 120, 150, -50, 22.5, 15, 4.5, 1.2,
            30.17, 120.20, 30.25, 120.15, 'parked');
        \(place(30.17, 120.20, #"{"formatted_address":"浙江省杭州市西湖区文三路123号","province":"浙江省","city":"杭州市","district":"西湖区"}"#))
        \(place(30.25, 120.15, #"{"formatted_address":"浙江省杭州市拱墅区莫干山路456号","province":"浙江省","city":"杭州市","district":"拱墅区"}"#))
        """

    static func position(_ id: Int, _ time: String, drive: Int? = 1, _ latitude: Double = 31.2304, _ longitude: Double = 121.4737) -> String {
        """
        INSERT INTO heliograph.position (id, car, drive, recorded_at, latitude, longitude, heading, speed, power, battery_level, range_km, odometer_km,
            inside_temp, outside_temp, elevation_m, tpms_fl, tpms_fr, tpms_rl, tpms_rr)
        VALUES (\(id), 1, \(drive.map(String.init) ?? "NULL"), '\(time)', \(latitude), \(longitude), 180, 50, 15, 80, 350, 12345.6, 22.5, 15, 8,
            2.9, 2.9, 2.9, 2.9);
        """
    }

    static let parking = """
        INSERT INTO heliograph.parking (id, car, started_at, ended_at, duration_min, latitude, longitude, start_battery_level, end_battery_level,
            start_range_km, end_range_km, start_odometer_km, end_odometer_km, energy_used_kwh, inside_temp_avg, outside_temp_avg, climate_used_min,
            sentry_mode_used_min, start_snapshot, end_snapshot, car_version)
        VALUES (1, 1, '2024-01-07T10:30:00Z', '2024-01-07T14:00:00Z', 210, 31.2304, 121.4737, 70, 68, 300, 290, 12325.5, 12325.5, 1.5, 28, 28.5, 15, 180,
            '\(snapshot(22.5, 25, 2.9))', '\(snapshot(35, 32, 3.0))', '2024.26.9');
        \(place(31.2304, 121.4737,
            #"{"formatted_address":"浙江省杭州市西湖区文三路123号","province":"浙江省","city":"杭州市","district":"西湖区","street":"文三路","street_number":"123号"}"#))
        """

    private static func snapshot(_ inside: Double, _ outside: Double, _ bar: Double) -> String {
        """
        {"inside_temp":\(inside),"outside_temp":\(outside),"locked":true,"sentry_mode":true,"doors_open":false,"windows_open":false,"frunk_open":false,
        "trunk_open":false,"is_climate_on":false,"is_user_present":false,"tpms_pressure_fl":\(bar),"tpms_pressure_fr":\(bar),"tpms_pressure_rl":\(bar),
        "tpms_pressure_rr":\(bar)}
        """
    }

    static let charge = """
        INSERT INTO heliograph.charge (id, car, started_at, ended_at, duration_min, start_battery_level, end_battery_level, start_range_km, end_range_km,
            energy_added_kwh, energy_used_kwh, charger_power_max, outside_temp_avg, cost, latitude, longitude, end_reason)
        VALUES (1, 1, '2024-01-07T11:00:00Z', '2024-01-07T12:00:00Z', 60, 40, 80, 180, 350, 30.5, 32, 48, 15, 45.75, 31.2304, 121.4737, 'Complete');
        """

    static func view(_ car: Int64, _ state: VehicleStateName, odometer: Double = 0) -> [UInt8] {
        var view = VehicleView(car: car, state: state, since: Timestamp(seconds: 1_704_621_600), lastUsed: Timestamp(seconds: 1_704_637_800))
        view.odometerKm = odometer
        var w = JSONWriter()
        view.write(to: &w)
        return w.bytes
    }
}

/// An answer's status and JSON.
struct Said {
    let status: Int
    let json: JSONValue
    let answer: Answer
    var data: JSONValue { json["data"] ?? .null }
    var error: String { json["error"]?.string ?? "" }
}

extension TestAPI {
    func said(
        _ method: String = "GET", _ path: String, _ body: String = "", token: String? = nil, on loop: isolated EventLoop
    ) async throws -> Said {
        let fields = token.map { [("Authorization", "Bearer \($0)")] } ?? []
        let answer = try await request(method, path, fields, body: Array(body.utf8), on: loop)
        return Said(status: answer.status, json: answer.body.isEmpty ? .null : try answer.json(), answer: answer)
    }

    func count(_ statement: String, on loop: isolated EventLoop) async throws -> Int { try await pool.query(Statement(statement)).int(0, 0) }
}

/// A running API with the spec's car.
func withGarage(
    _ more: [String] = [], _ setUp: SetUp = .usual, _ body: @Sendable (TestAPI, isolated EventLoop) async throws -> Void
) async throws {
    try await withAPI(setUp) { api, loop in
        for statement in [Garage.car] + more { try await api.sql(statement, on: loop) }
        try await body(api, loop)
    }
}
