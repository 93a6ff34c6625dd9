import Bytes
import Reactor
import TestSupport
import Testing

@Suite struct SpecExampleTests {
    @Test func `cars and their live states answer as the spec writes them`() async throws {
        try await withGarage([Garage.memory]) { api, loop in
            let cars = try await api.said("GET", "/api/cars", on: loop)
            let expected = try SpecExamples.value(SpecExamples.cars)
            #expect(cars.status == 200 && cars.json == expected)
            let names = cars.data[0]?.object?.map(\.key)
            let wanted = expected["data"]?[0]?.object?.map(\.key)
            #expect(names == wanted)
            let car = try await api.said("GET", "/api/cars/1", on: loop)
            #expect(car.status == 200 && car.data == cars.data[0])
            let state = try await api.said("GET", "/api/cars/1/state", on: loop)
            let specState = try SpecExamples.value(SpecExamples.state)
            #expect(state.status == 200 && state.json == specState)
            let members = state.data.object?.map(\.key)
            let order = specState["data"]?.object?.map(\.key)
            #expect(members == order)
        }
    }

    @Test func `drives, positions and footprint answer as the spec writes them`() async throws {
        try await withGarage([Garage.drive, Garage.position(1, "2024-01-07T10:00:00Z")]) { api, loop in
            var expected = try SpecExamples.value(SpecExamples.drives)
            let drives = try await api.said("GET", "/api/cars/1/drives", on: loop)
            #expect(drives.status == 200 && drives.data == expected["data"])
            #expect(drives.json["pagination"] == ["page": 1, "per_page": 20, "total": 1] && drives.json.object?.count == 2)
            let names = drives.data[0]?.object?.map(\.key)
            let wanted = expected["data"]?[0]?.object?.map(\.key)
            #expect(names == wanted)
            let drive = try await api.said("GET", "/api/drives/1", on: loop)
            #expect(drive.status == 200 && drive.json == ["data": drives.data[0] ?? .null])
            expected = try SpecExamples.value(SpecExamples.positions)
            let positions = try await api.said("GET", "/api/drives/1/positions", on: loop)
            #expect(positions.status == 200 && positions.json == expected)

            try await api.sql(
                "UPDATE heliograph.drive SET start_latitude = 31.2304, start_longitude = 121.4737, end_latitude = 31.25, end_longitude = 121.5", on: loop)
            expected = try SpecExamples.value(SpecExamples.footprint)
            let footprint = try await api.said("GET", "/api/cars/1/footprint?days=36500", on: loop)
            #expect(footprint.status == 200 && footprint.json == expected)
        }
    }

    @Test func `parkings and their events answer as the spec writes them`() async throws {
        let events = """
            INSERT INTO heliograph.parking (id, car, started_at) VALUES (500, 1, '2024-01-07T08:00:00Z');
            UPDATE heliograph.parking SET ended_at = '2024-01-07T09:00:00Z' WHERE id = 500;
            INSERT INTO heliograph.parking_event (id, parking, event_type, event_time) VALUES
                (1, 500, 'doors_opened', '2024-01-07T11:00:00Z'), (2, 500, 'doors_closed', '2024-01-07T11:05:00Z');
            """
        let fence = "INSERT INTO heliograph.geofence (name, latitude, longitude, radius_m) VALUES ('家', 31.2304, 121.4737, 100);"
        try await withGarage([fence, events, Garage.parking, Garage.position(77, "2024-01-07T10:29:58Z")]) { api, loop in
            let answer = try await api.said("GET", "/api/parkings/500/events", on: loop)
            let expected = try SpecExamples.value(SpecExamples.events)
            #expect(answer.status == 200 && answer.json == expected)

            try await api.sql("UPDATE heliograph.parking SET geofence = 1 WHERE id = 1", on: loop)
            let list = try await api.said("GET", "/api/cars/1/parkings?per_page=1", on: loop)
            // The example leaves out two members that the types have.
            var members = try SpecExamples.value(SpecExamples.parkings)["data"]?[0]?.object ?? []
            members += [("position_id", 77), ("geofence_id", 1)]
            #expect(list.status == 200 && list.data == [.object(members)])
            #expect(list.json["pagination"] == ["page": 1, "per_page": 1, "total": 2])
            let one = try await api.said("GET", "/api/parkings/1", on: loop)
            #expect(one.status == 200 && one.data == list.data[0])
        }
    }

    @Test func `charges and their curves have the members of the spec's types`() async throws {
        let points = """
            INSERT INTO heliograph.charge_point (id, charge, recorded_at, battery_level, usable_battery_level, range_km, charger_power, charger_voltage,
                charger_current, energy_added_kwh, outside_temp)
            VALUES (1, 1, '2024-01-07T11:00:00Z', 40, 39, 180, 48, 380, 120, 0.5, 14.3),
                (2, 1, '2024-01-07T11:00:05Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
            """
        try await withGarage([Garage.charge, points, Garage.place(31.2304, 121.4737, SpecExamples.address)]) { api, loop in
            let address = try SpecExamples.value(SpecExamples.address)
            let list = try await api.said("GET", "/api/cars/1/charges", on: loop)
            let expected: JSONValue = [
                "id": 1, "car_id": 1, "address": address, "start_time": "2024-01-07T11:00:00Z", "end_time": "2024-01-07T12:00:00Z", "duration_min": 60,
                "start_battery_level": 40, "end_battery_level": 80, "start_range_km": 180, "end_range_km": 350, "charge_energy_added": 30.5,
                "charger_power_max": 48, "outside_temp_avg": 15, "cost": 45.75,
            ]
            #expect(list.status == 200 && list.data == [expected] && list.json["pagination"]?["total"] == 1)
            #expect(try await api.said("GET", "/api/charges/1", on: loop).json == ["data": expected])
            let curve = try await api.said("GET", "/api/charges/1/details", on: loop)
            let first: JSONValue = [
                "id": 1, "charging_process_id": 1, "battery_level": 40, "usable_battery_level": 39, "range_km": 180, "charger_power": 48,
                "charger_voltage": 380, "charger_current": 120, "charge_energy_added": 0.5, "outside_temp": 14.3, "recorded_at": "2024-01-07T11:00:00Z",
            ]
            // What the car did not say again is what it said last; power is not.
            let second: JSONValue = [
                "id": 2, "charging_process_id": 1, "battery_level": 40, "usable_battery_level": 39, "range_km": 180, "charger_power": 0,
                "charger_voltage": 0, "charger_current": 0, "charge_energy_added": 0.5, "outside_temp": nil, "recorded_at": "2024-01-07T11:00:05Z",
            ]
            #expect(curve.status == 200 && curve.json == ["data": [first, second]])
        }
    }

    @Test func `what is open has no end, and numbers that the types have without null are numbers`() async throws {
        let open = """
            INSERT INTO heliograph.drive (car, started_at) VALUES (1, now() - interval '90 seconds');
            INSERT INTO heliograph.charge (car, started_at) VALUES (1, now() - interval '60 seconds');
            INSERT INTO heliograph.parking (car, started_at) VALUES (1, now() - interval '30 seconds');
            """
        try await withGarage([open]) { api, loop in
            let drive = try await api.said("GET", "/api/drives/1", on: loop).data
            let numbers = ["duration_min", "start_battery_level", "start_range_km", "start_odometer_km", "distance_km"].map { drive[$0]?.double != nil }
            #expect(drive["end_time"] == .null && !numbers.contains(false))
            let minutes = drive["duration_min"]?.double ?? 0
            #expect(minutes >= 1.5 && minutes < 10)
            let nulls = ["end_battery_level", "speed_max", "energy_used_kwh", "start_address", "end_address", "start_latitude"].map { drive[$0] == .null }
            #expect(!nulls.contains(false))
            let charge = try await api.said("GET", "/api/charges/1", on: loop).data
            #expect(charge["end_time"] == .null && charge["charge_energy_added"] == 0 && charge["cost"] == .null && charge["address"] == .null)
            let parking = try await api.said("GET", "/api/parkings/1", on: loop).data
            #expect(parking["end_time"] == .null && parking["start_locked"] == false && parking["end_locked"] == .null && parking["latitude"] == 0)
            #expect(parking["start_odometer"] == 0 && parking["position_id"] == .null && parking["geofence_id"] == .null && parking.object?.count == 50)
            // Lists and totals both have it.
            let list = try await api.said("GET", "/api/cars/1/charges", on: loop)
            #expect(list.data.array?.count == 1 && list.json["pagination"]?["total"] == 1)
        }
    }

    @Test func `health tells of the service and its sockets`() async throws {
        try await withGarage { api, loop in
            let socket = try await TestSocket(port: api.port, "/ws", on: loop)
            _ = try await socket.next()
            let health = try await api.said("GET", "/health", on: loop)
            #expect(health.status == 200 && health.json["status"] == "healthy" && health.json["ws_clients"] == 1)
            socket.wire.end()
        }
    }
}
