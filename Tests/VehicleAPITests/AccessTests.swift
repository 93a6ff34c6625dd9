import Bytes
import HTTP
import Postgres
import Reactor
import Secrets
import TestSupport
import Testing

@testable import API

@Suite struct AccessTests {
    private static let reads = [
        "/api/cars", "/api/cars/1", "/api/cars/1/state", "/api/cars/1/stats", "/api/cars/1/drives", "/api/cars/1/footprint", "/api/cars/1/charges",
        "/api/cars/1/parkings", "/api/drives/1", "/api/drives/1/positions", "/api/drives/1/export", "/api/parkings/1", "/api/parkings/1/events",
        "/api/geofences",
    ]
    private static let fence = #"{"name":"家","latitude":31.2304,"longitude":121.4737,"radius_m":50}"#

    @Test func `without production everybody may see and command`() async throws {
        try await withGarage([Garage.memory, Garage.drive, Garage.parking]) { api, loop in
            for path in Self.reads {
                let status = try await api.get(path, on: loop).status
                #expect(status == 200, "\(path)")
            }
            #expect(try await api.said("POST", "/api/geofences", Self.fence, on: loop).status == 201)
        }
    }

    @Test func `in production a token is needed to see and to command, and an operator's to change fences`() async throws {
        try await withGarage([Garage.memory, Garage.drive, Garage.parking], .production) { api, loop in
            try await api.addTokens(on: loop)
            for path in Self.reads {
                let nobody = try await api.said("GET", path, on: loop)
                #expect(nobody.status == 401 && nobody.json.object?.count == 1 && nobody.answer["www-authenticate"] != nil, "\(path)")
                let wrong = try await api.get(path, token: "wrong", on: loop)
                let right = try await api.get(path, token: "ingest-token", on: loop)
                #expect(wrong.status == 401 && right.status == 200, "\(path)")
            }
            for command in ["suspend", "resume"] {
                #expect(try await api.said("POST", "/api/cars/1/\(command)", on: loop).status == 401)
            }
            #expect(try await api.said("POST", "/api/geofences", Self.fence, token: "ingest-token", on: loop).status == 403)
            #expect(try await api.said("POST", "/api/geofences", Self.fence, token: "admin-token", on: loop).status == 201)
            #expect(try await api.said("DELETE", "/api/geofences/1", on: loop).status == 401)
            #expect(try await api.said("GET", "/health", on: loop).status == 200)
        }
    }

    @Test func `in production a socket says nothing without a good token`() async throws {
        try await withGarage([Garage.memory], .production) { api, loop in
            try await api.addTokens(on: loop)
            await #expect(throws: Overdue.self) { _ = try await TestSocket(port: api.port, "/ws", on: loop) }
            let wrong = try await TestSocket(port: api.port, "/ws?access_token=wrong", on: loop)
            #expect(try await wrong.next() == nil)
            #expect(wrong.closeCode == .policyViolation)
            for (target, fields) in [("/ws?access_token=ingest-token", []), ("/ws", [("Authorization", "Bearer admin-token")])] {
                let socket = try await TestSocket(port: api.port, target, fields, on: loop)
                #expect(try await socket.message()["type"] == "init")
                socket.wire.end()
            }
        }
    }

    private static let key = [UInt8](repeating: 7, count: Seal.keyBytes)

    @Test func `tokens of a vehicle account are stored sealed, by operators only, and never told`() async throws {
        try await withGarage([], SetUp { $0.sealKey = Self.key }) { api, loop in
            try await api.addTokens(on: loop)
            let body = #"{"access_token":"eyJ.access","refresh_token":"NA_refresh","name":"一号"}"#
            #expect(try await api.said("POST", "/api/auth/token", body, on: loop).status == 401)
            #expect(try await api.said("POST", "/api/auth/token", body, token: "ingest-token", on: loop).status == 403)
            let stored = try await api.said("POST", "/api/auth/token", body, token: "admin-token", on: loop)
            #expect(stored.status == 200 && stored.json == ["message": "Tokens stored", "account_id": 1, "name": "一号"])
            #expect(stored.answer["cache-control"] == "no-store" && !stored.answer.text.contains("eyJ"))
            let seal = try #require(Seal(key: Self.key))
            func opened() async throws -> JSONValue {
                let rows = try await api.pool.query("SELECT number, tokens FROM heliograph.vehicle_account WHERE name = '一号'")
                let sealed = try rows.bytes(0, 1)
                #expect(!String(decoding: sealed, as: UTF8.self).contains("access"))
                return try JSONValue.parse(try #require(seal.open(sealed, context: "vehicle_account:\(try rows.int64(0, 0))")))
            }
            #expect(try await opened() == ["access_token": "eyJ.access", "refresh_token": "NA_refresh"])

            // The same name again: other tokens, a rotation counted, a fault forgotten.
            try await api.sql("UPDATE heliograph.vehicle_account SET fault = 'login required', access_expires_at = now()", on: loop)
            let again = try await api.said(
                "POST", "/api/auth/token", #"{"access_token":"two","refresh_token":"three","name":"一号"}"#, token: "admin-token", on: loop)
            #expect(again.status == 200 && again.json["account_id"] == 1)
            #expect(try await opened() == ["access_token": "two", "refresh_token": "three"])
            let fresh = "SELECT count(*) FROM heliograph.vehicle_account WHERE rotation = 1 AND fault IS NULL AND access_expires_at IS NULL"
            #expect(try await api.count(fresh, on: loop) == 1)
            let unnamed = try await api.said("POST", "/api/auth/token", #"{"access_token":"a","refresh_token":"b"}"#, token: "admin-token", on: loop)
            #expect(unnamed.json["name"] == "default" && unnamed.json["account_id"] == 2)
        }
    }

    @Test func `tokens that are none are refused`() async throws {
        let long = String(repeating: "x", count: 8_193)
        let bodies = [
            "", "[]", "{", #"{"access_token":"a"}"#, #"{"refresh_token":"a"}"#, #"{"access_token":1,"refresh_token":"b"}"#,
            #"{"access_token":"a","refresh_token":null}"#, #"{"access_token":"","refresh_token":"b"}"#, #"{"access_token":"a\r\nX: y","refresh_token":"b"}"#,
            #"{"access_token":"a\u0000","refresh_token":"b"}"#, #"{"access_token":"é","refresh_token":"b"}"#,
            #"{"access_token":"\#(long)","refresh_token":"b"}"#, #"{"access_token":"a","refresh_token":"b","name":""}"#,
            #"{"access_token":"a","refresh_token":"b","name":7}"#, #"{"access_token":"a","refresh_token":"b","nmae":"c"}"#,
        ]
        try await withGarage { api, loop in
            try await api.addTokens(on: loop)
            for body in bodies {
                let said = try await api.said("POST", "/api/auth/token", body, token: "admin-token", on: loop)
                #expect(said.status == 400 && !said.error.isEmpty && said.json.object?.count == 1, "\(body.prefix(80)): \(said.answer.text)")
            }
            #expect(try await api.count("SELECT count(*) FROM heliograph.vehicle_account", on: loop) == 0)
        }
    }
}
