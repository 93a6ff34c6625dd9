import Bytes
import Protocol
import Reactor
import TestSupport
import Testing

@testable import API

@Suite struct LiveTests {
    private static let fast: VehiclePushRates = {
        var rates = VehiclePushRates()
        rates.drivingMs = 240
        return rates
    }()

    @Test func `a client gets everything first, then states as the spec writes them`() async throws {
        try await withLot([Garage.memory]) { lot, api, loop in
            let socket = try await TestSocket(port: lot.port, "/ws", on: loop)
            let first = try await socket.message()
            let cars = try SpecExamples.value(SpecExamples.cars)["data"] ?? .null
            let state = try SpecExamples.value(SpecExamples.state)["data"] ?? .null
            #expect(first == ["type": "init", "data": ["cars": cars, "states": ["1": state]]])

            let update = try SpecExamples.value(SpecExamples.stateUpdate)
            lot.drive(1, 1)
            #expect(try await socket.message()["data"]?["state"] == "driving")
            lot.event(1, (update["data"] ?? .null).bytes)
            #expect(try await socket.message() == update)
            #expect(lot.states[1]?.reply == Array("{\"data\":".utf8) + (update["data"] ?? .null).bytes + [UInt8(ascii: "}")])

            let later = try await TestSocket(port: lot.port, "/ws", on: loop)
            #expect(try await later.message()["data"]?["states"]?["1"] == update["data"])
            #expect(lot.sockets.count == 2)
            for one in [socket, later] { one.wire.end() }
            try await eventually("nobody", on: loop) { lot.sockets.count == 0 }
        }
    }

    @Test func `VehicleView has the spec's members, in its order, and two more`() throws {
        let view = try JSONValue.parse(Garage.view(1, .online)).object?.map(\.key)
        let spec = try SpecExamples.value(SpecExamples.state)["data"]?.object?.map(\.key) ?? []
        #expect(view == spec + ["healthy", "geofence"])
    }

    @Test func `pushes keep to the rate, the newest wins, and a change goes at once`() async throws {
        try await withLot([], Self.fast) { lot, _, loop in
            let socket = try await TestSocket(port: lot.port, "/ws", on: loop)
            _ = try await socket.next()
            let began = Clock.monotonicNs
            for n in 1...40 { lot.drive(1, Double(n)) }
            #expect(try await socket.message()["data"]?["odometer_km"] == 1)
            #expect(try await socket.message()["data"]?["odometer_km"] == 40)
            let waited = Double(Clock.monotonicNs - began) / 1e6
            #expect(waited >= 200 && waited < 5_000)
            lot.drive(1, 41)
            lot.drive(1, 42, .online)
            lot.drive(1, 43, .online)
            // Nothing of it is told while asleep, beyond that it is.
            lot.drive(1, 44, .asleep)
            for n in 45...60 { lot.drive(1, Double(n), .asleep) }
            lot.drive(1, 61, .offline)
            lot.drive(2, 1)
            var told: [Double] = []
            for _ in 0..<4 { told.append(try await socket.message()["data"]?["odometer_km"]?.double ?? -1) }
            #expect(told == [42, 44, 61, 1])
            #expect(lot.states[1]?.value["odometer_km"] == 61)
        }
    }

    @Test func `what clients say is answered with an error, and they go on listening`() async throws {
        try await withLot { lot, _, loop in
            let socket = try await TestSocket(port: lot.port, "/ws", on: loop)
            _ = try await socket.next()
            for text in ["", "nonsense", "{}", #"{"type":"subscribe","data":1}"#, "[[[[", "\u{0}"] {
                socket.send(text)
                let said = try await socket.message()
                let message = said["data"]?["message"]?.string ?? ""
                #expect(said["type"] == "error" && !message.isEmpty && said.object?.count == 2, "\(text)")
            }
            lot.drive(1, 5)
            #expect(try await socket.message()["type"] == "state_update")
        }
    }

    @Test func `a slow client gets the newest state of each car, a fast one all of them`() async throws {
        try await withLot([Garage.memory], queue: 64 * 1_024) { lot, _, loop in
            let slow = try PausedClient(port: lot.port, "/ws")
            try await slow.begin("/ws", on: loop)
            try await eventually("the slow client", on: loop) { lot.sockets.count == 1 }
            let rounds = 8_000
            // Each changes the state: each is pushed at once.
            for n in 1...rounds {
                for car in Int64(1)...2 { lot.drive(car, Double(n), n % 2 == 0 ? .driving : .online) }
                if n % 100 == 0 { await Task.yield() }
            }
            let messages = try await slow.messages(on: loop) { $0.contains(#""car_id":2,"#) && $0.contains(#""odometer_km":8000.0"#) }
            #expect(messages.first?.hasPrefix(#"{"type":"init""#) == true)
            #expect(messages.count < rounds && lot.server.counters.conflated > 0 && lot.server.counters.closedSlow == 0)
            let newestOfFirst = messages.last { $0.contains(#""car_id":1,"#) }?.contains(#""odometer_km":8000.0"#)
            #expect(newestOfFirst == true)
            let mileages = messages.dropFirst().compactMap { text -> Double? in
                guard text.contains(#""car_id":1,"#), let json = try? JSONValue.parse(Array(text.utf8)) else { return nil }  // ok: counted below
                return json["data"]?["odometer_km"]?.double
            }.filter { $0 <= Double(rounds) }  // The database is read once more when a broker is new; here it has another state.
            let isInOrder = zip(mileages, mileages.dropFirst()).allSatisfy { $0 < $1 }
            #expect(mileages.count > 1 && isInOrder)
        }
    }

    @Test func `a first message larger than the bound is no reason to cut a client`() async throws {
        let fleet = """
            INSERT INTO heliograph.car (tesla_id, tesla_vehicle_id, name) SELECT n, n, repeat('名', 50) FROM generate_series(2, 400) AS n;
            INSERT INTO heliograph.car_memory (car, view)
            SELECT number, '\(SpecExamples.state)'::jsonb -> 'data' || jsonb_build_object('car_id', number) FROM heliograph.car;
            """
        try await withLot([fleet], queue: 64 * 1_024) { lot, _, loop in
            let slow = try PausedClient(port: lot.port, "/ws")
            try await slow.begin("/ws", on: loop)
            try await eventually("the client", on: loop) { lot.sockets.count == 1 }
            lot.drive(7, 1)
            let messages = try await slow.messages(on: loop) { $0.contains(#""type":"state_update""#) }
            let first = try JSONValue.parse(Array((messages.first ?? "").utf8))
            #expect(first["data"]?["cars"]?.array?.count == 400 && first["data"]?["states"]?.object?.count == 400)
            #expect(lot.server.counters.closedSlow == 0)
        }
    }

    @Test func `what is repeated or no state changes nothing`() async throws {
        try await withLot([Garage.memory]) { lot, _, loop in
            lot.event(1, Garage.view(1, .driving, odometer: 5), epoch: 9, sequence: 10)
            lot.event(1, Garage.view(1, .online, odometer: 4), epoch: 9, sequence: 10)
            lot.event(1, Garage.view(1, .online, odometer: 3), epoch: 9, sequence: 7)
            #expect(lot.states[1]?.value["odometer_km"] == 5)
            let bad = [
                "", "[]", "{}", "{\"car_id\":1}", "{\"car_id\":2,\"state\":\"online\"}", "{\"car_id\":1,\"state\":\"flying\"}",
                "{\"car_id\":\"1\",\"state\":\"online\"}", "{\"car_id\":1,\"state\":7}", "\u{0}",
            ]
            for payload in bad { lot.event(1, Array(payload.utf8)) }
            #expect(lot.states.unreadable == bad.count && lot.states[1]?.value["odometer_km"] == 5)
            _ = loop
        }
    }

    @Test func `what the database says after a miss wins over events from before, not over those since`() async throws {
        try await withLot([Garage.memory]) { lot, api, loop in
            let view = String(decoding: Garage.view(1, .charging, odometer: 100), as: UTF8.self)
            lot.drive(1, 99)
            #expect(lot.states[1]?.state == .driving)
            try await api.sql("UPDATE heliograph.car_memory SET view = '\(view)' WHERE car = 1", on: loop)
            lot.states.load()
            try await eventually("the database's state", on: loop) { lot.states[1]?.state == .charging }
            // An event while it is asked is as new as the answer, or newer.
            lot.states.load()
            lot.drive(1, 101)
            lot.states.load()
            lot.drive(1, 102)
            for _ in 0..<50 {
                await Task.yield()
                #expect(lot.states[1]?.value["odometer_km"] == 102 || lot.states[1]?.value["odometer_km"] == 100)
            }
            try await api.sql("DELETE FROM heliograph.car", on: loop)
            lot.states.load()
            try await eventually("no state of a car that is gone", on: loop) { lot.states[1] == nil && lot.states.cars.isEmpty }
        }
    }
}
