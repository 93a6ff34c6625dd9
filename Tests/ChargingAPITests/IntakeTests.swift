import Bytes
import Protocol
import Reactor
import TestSupport
import Testing
import Workers
import ZeroMQ

@testable import API

/// The intake from the request to the worker and back.
@Suite struct IntakeTests {
    private static let two =
        #"[{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":1},{"meter_id":"A","timestamp":"2026-01-01T08:01:00Z","i":2,"dev_fac_id":"F"},{"meter_id":"A"}]"#

    @Test func `rows reach the worker in the row codec and its answer comes back`() async throws {
        try await withAPI { api, loop in
            try await api.addTokens(on: loop)
            let readings = Stream()
            let sites = Stream()
            let fleet = try await TestFleet.start(api, on: loop) { worker, _ in
                worker.onBatches(ChargingNames.readings) { readings.take($0) }
                worker.onBatches(ChargingNames.sites) { sites.take($0) }
            }
            try await eventually("a worker", on: loop) { try await api.post("/api/ingest/charging", Self.two, token: "ingest-token", on: loop).status == 200 }
            readings.payloads = []
            let answer = try await api.post("/api/ingest/charging", Self.two, token: "ingest-token", on: loop)
            #expect(
                answer.text == #"{"accepted":2,"rejected":[{"index":2,"reason":"timestamp is missing"}],"rejected_count":1,"inserted":2}"#)
            var rows = 0
            #expect(readings.payloads.count == 1)
            #expect(readings.payloads[0].withUnsafeBufferPointer { ReadingBatch.read($0) { _ in rows += 1 } })
            #expect(rows == 2)

            let site = try await api.post("/api/ingest/sites", #"{"meter_id":"A","longitude":1,"latitude":2}"#, token: "admin-token", on: loop)
            #expect(site.text == #"{"accepted":1,"rejected":[],"rejected_count":0,"inserted":2}"#)
            #expect(try JSONValue.parse(sites.payloads[0])[0]?["meter_id"] == "A")

            // Nothing to commit: the bus is not troubled.
            let none = try await api.post("/api/ingest/charging", "[]", token: "ingest-token", on: loop)
            #expect(none.status == 200)
            #expect(none.text == #"{"accepted":0,"rejected":[],"rejected_count":0,"inserted":0}"#)
            let bad = try await api.post("/api/ingest/charging", "[{}]", token: "ingest-token", on: loop)
            #expect(bad.status == 400)
            #expect(bad.text == #"{"accepted":0,"rejected":[{"index":0,"reason":"meter_id is missing"}],"rejected_count":1}"#)
            #expect(readings.payloads.count == 1)
            await fleet.stop(on: loop)
        }
    }

    @Test func `a refusal of the worker is a failure that says whether to send again`() async throws {
        try await withAPI { api, loop in
            try await api.addTokens(on: loop)
            let stream = Stream()
            let fleet = try await TestFleet.start(api, on: loop) { worker, _ in worker.onBatches(ChargingNames.readings) { stream.take($0) } }
            try await eventually("a worker", on: loop) { try await api.post("/api/ingest/charging", Self.two, token: "ingest-token", on: loop).status == 200 }
            let cases: [(Refusal.Code, Int, String?)] = [
                (.storage, 503, "5"), (.busy, 503, "1"), (.workerLost, 503, "1"), (.failed, 500, nil), (.malformed, 500, nil), (.deadline, 504, nil),
            ]
            for (code, status, retryAfter) in cases {
                stream.answer = .failure(Refusal(code, "as told"))
                let answer = try await api.post("/api/ingest/charging", Self.two, token: "ingest-token", on: loop)
                #expect(answer.status == status, "\(code): \(answer.text)")
                #expect(answer["retry-after"] == retryAfter)
            }
            await fleet.stop(on: loop)
        }
    }

    @Test func `without a worker, or without a broker, rows wait as long as they may and then are to be sent again`() async throws {
        try await withAPI(SetUp { $0.ingestTimeoutMs = 300 }) { api, loop in
            try await api.addTokens(on: loop)
            let alone = try await api.post("/api/ingest/charging", Self.two, token: "ingest-token", on: loop)
            #expect(alone.status == 504, "\(alone.text)")
            let fleet = try await TestFleet.start(api, on: loop) { _, _ in }
            try await eventually("the broker", on: loop) { fleet.client.isUp }
            let answer = try await api.post("/api/ingest/charging", Self.two, token: "ingest-token", on: loop)
            #expect(answer.status == 504, "\(answer.text)")
            #expect(try answer.json()["error"]?["code"] == "timeout")
            await fleet.stop(on: loop)
        }
    }

    @Test func `bodies that are no JSON or too long are refused`() async throws {
        try await withAPI { api, loop in
            try await api.addTokens(on: loop)
            let malformed = try await api.post("/api/ingest/charging", #"[{"meter_id":"A"]"#, token: "ingest-token", on: loop)
            #expect(malformed.status == 400)
            #expect(try malformed.json()["error"]?["message"] == "JSON: unexpected character at byte 16")
            #expect(try await api.request("POST", "/api/ingest/charging", [("Authorization", "Bearer ingest-token")], on: loop).status == 400)
            let long = [("Authorization", "Bearer ingest-token"), ("Content-Length", "\(10 * 1024 * 1024 + 1)")]
            #expect(try await api.request("POST", "/api/ingest/charging", long, on: loop).status == 413)
            #expect(try await api.get("/api/ingest/charging", token: "ingest-token", on: loop).status == 405)
        }
    }

    @Test func `the telemetry worker commits what is posted, and the spec's routes show it`() async throws {
        try await withAPI { api, loop in
            try await api.addTokens(on: loop)
            let pool = api.pool
            let fleet = try await TestFleet.start(api, on: loop) { worker, client in
                ChargingTelemetry(pool, client: client).register(worker, on: loop)
            }
            try await eventually("a commit", on: loop) {
                try await api.post("/api/ingest/sites", #"{"meter_id":"A","longitude":1,"latitude":2}"#, token: "ingest-token", on: loop).status == 200
            }
            let first = try await api.post("/api/ingest/charging", Self.two, token: "ingest-token", on: loop)
            #expect(try first.json()["inserted"] == 2, "\(first.text)")
            let second = try await api.post("/api/ingest/charging", Self.two, token: "ingest-token", on: loop)
            #expect(try second.json()["accepted"] == 2)
            #expect(try second.json()["inserted"] == 0)
            #expect(try await api.get("/api/monitoring/current?meter_id=A", on: loop).json()["count"] == 2)
            let site = try await api.get("/api/sites/locations", on: loop).json()["data"]?[0]
            #expect(site?["latest_current"] == 2.0)
            #expect(site?["current_timestamp"] == "2026-01-01T16:01:00.000000")
            await fleet.stop(on: loop)
        }
    }
}
