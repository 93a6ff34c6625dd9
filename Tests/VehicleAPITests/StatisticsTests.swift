import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@Suite struct StatisticsTests {
    /// Hours before today's first moment in UTC: drives at 2 h before (yesterday, in China today), at 30 h, and a year ago.
    private static let log = """
        INSERT INTO heliograph.drive (car, started_at, ended_at, duration_min, distance_km, energy_used_kwh, energy_regen_kwh, speed_max)
        SELECT 1, date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - h * interval '1 hour', now(), 10.1, 5.1, 1.1, 0.1, h
        FROM unnest(ARRAY[2, 3, 30, 8760]) AS h;
        UPDATE heliograph.drive SET ended_at = started_at + interval '10 minutes';
        INSERT INTO heliograph.charge (car, started_at, ended_at, duration_min, energy_added_kwh, cost)
        SELECT 1, d.started_at + interval '20 minutes', d.started_at + interval '40 minutes', 20, 8.2, 3.3 FROM heliograph.drive AS d WHERE speed_max < 30;
        INSERT INTO heliograph.parking (car, started_at, ended_at, duration_min, energy_used_kwh)
        SELECT 1, d.started_at + interval '10 minutes', d.started_at + interval '50 minutes', 40, 0.3 FROM heliograph.drive AS d;
        """

    @Test func `totals agree with the lists, and days are those of the zone`() async throws {
        try await withGarage([Self.log]) { api, loop in
            let said = try await api.said("GET", "/api/cars/1/stats", on: loop)
            let totals: JSONValue = [
                "drives": 4, "distance_km": 20.4, "drive_min": 40.4, "energy_used_kwh": 4.4, "energy_regen_kwh": 0.4, "speed_max": 8760, "charges": 2,
                "charge_min": 40, "charge_energy_added": 16.4, "charge_cost": 6.6, "parkings": 4, "parking_min": 160, "parking_energy_used_kwh": 1.2,
            ]
            #expect(said.status == 200 && said.data["car_id"] == 1 && said.data["totals"] == totals, "\(said.answer.text)")
            for list in ["drives", "charges", "parkings"] {
                let total = try await api.said("GET", "/api/cars/1/\(list)", on: loop).json["pagination"]?["total"]
                #expect(total == totals[list], "\(list)")
            }
            let drives = said.data["days"]?.array?.compactMap { $0["drives"]?.int }
            #expect(drives == [2, 1] && said.data["days"]?[0]?["charge_cost"] == 6.6 && said.data["days"]?[1]?["charge_cost"] == .null)
            let yesterday = try await api.pool.query(
                "SELECT to_char(date_trunc('day', now() AT TIME ZONE 'UTC') - interval '1 day', 'YYYY-MM-DD')"
            ).string(0, 0)
            #expect(said.data["days"]?[0]?["date"]?.string == yesterday && said.data["days"]?[0]?.object?.count == 14)

            // Two hours before midnight in London is the next day in Shanghai.
            let local = try await api.said("GET", "/api/cars/1/stats?offset=%2B08:00&days=400", on: loop)
            let localDrives = local.data["days"]?.array?.compactMap { $0["drives"]?.int }
            #expect(localDrives == [2, 1, 1] && local.data["days"]?[0]?["date"]?.string != yesterday)
            #expect(try await api.said("GET", "/api/cars/1/stats?offset=+08:00&days=400", on: loop).data == local.data)
            let recent = try await api.said("GET", "/api/cars/1/stats?days=2", on: loop)
            #expect(recent.data["days"]?.array?.count == 1 && recent.data["totals"] == totals)
        }
    }

    @Test func `a car that has done nothing has zeros`() async throws {
        try await withGarage { api, loop in
            let said = try await api.said("GET", "/api/cars/1/stats", on: loop)
            #expect(said.status == 200 && said.data["days"] == [] && said.data["totals"]?["drives"] == 0 && said.data["totals"]?["distance_km"] == 0)
            #expect(said.data["totals"]?["charge_cost"] == .null && said.data["totals"]?["speed_max"] == .null)
        }
    }
}
