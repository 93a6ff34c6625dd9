import Bytes
import CLinux
import Glibc
import Reactor
import Simulation
import TestSupport
import Testing

/// `heliograph up --demo` as a new user starts it: the private PostgreSQL, every part, simulated meters.
@Suite(.serialized, .timeLimit(.minutes(5))) struct UpTests {
    private static func get(_ client: HTTPClient, _ path: String) async throws -> JSONValue {
        let answer = try await client.get(path)
        return try JSONValue.parse(answer.body)
    }

    private static func start(_ data: String, on loop: isolated EventLoop) async throws -> (Child, HTTPClient) {
        let child = try Child(
            ["up", "--demo", "--port", "0", "--data", data, "--log", "error"], environment: ["HELIOGRAPH_HOME": projectRoot], on: loop)
        try await child.waitFor("Heliograph is ready", on: loop)
        try await child.waitFor("login", on: loop)
        let url = child.text.split(separator: "\n").first { $0.contains("address") }?.split(separator: " ").last.map(String.init) ?? ""
        let address = try #require(HTTPAddress(url))
        return (child, HTTPClient(address, on: loop))
    }

    @Test func theDemoShowsStationsReadingsAndPredictionsAndOutlivesAKill() async throws {
        let loop = EventLoop(name: "up")
        defer { loop.stop() }
        try await loop.run { loop in
            var template = Array("/tmp/hgu-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw Overdue(what: "no temporary directory") }
            let data = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            defer { removeTree(data) }
            var (child, client) = try await Self.start(data, on: loop)
            let health = try await Self.get(client, "/api/health")
            #expect(health["status"]?.string == "healthy" && health["database"]?.string == "connected")
            try await eventually("stations with a current", seconds: 60, on: loop) {
                let sites = try await Self.get(client, "/api/sites/locations")["data"]?.array ?? []
                return sites.count >= 10 && sites.contains { $0["latest_current"]?.double != nil }
            }
            try await eventually("a prediction", seconds: 90, on: loop) {
                try await Self.get(client, "/api/prediction/data?hours=24")["count"]?.int ?? 0 > 0
            }
            let readings = try await Self.get(client, "/api/monitoring/current?meter_id=METER_001&hours=8760")["count"]?.int ?? 0
            #expect(readings > 0)

            // Nothing is told to the private server: it must notice, and its data must be there at the next start.
            client.close()
            try await child.kill9(on: loop)
            (child, client) = try await Self.start(data, on: loop)
            let kept = try await Self.get(client, "/api/monitoring/current?meter_id=METER_001&hours=8760")["count"]?.int ?? 0
            #expect(kept >= readings)
            client.close()
            let code = try await child.stop(on: loop)
            #expect(code == 0)
            let pidFile = access(data + "/postgres/postmaster.pid", F_OK)
            #expect(pidFile != 0, "the private server was stopped in order")
        }
    }

    @Test func theDemoIsRefusedInProductionAndUnknownSettingsStopTheStart() async throws {
        let loop = EventLoop(name: "up")
        defer { loop.stop() }
        try await loop.run { loop in
            for environment in [["APP_ENV": "production", "DATABASE_URL": "host=/nonexistent"], ["HELIOGRAPH_TYPO": "1"], ["PORT": "eighty"]] {
                let child = try Child(["up", "--demo", "--port", "0", "--data", "/tmp/hg-never"], environment: environment, on: loop)
                let code = try await child.wait(on: loop)
                #expect(code == 2)
            }
            let made = access("/tmp/hg-never", F_OK)
            #expect(made != 0, "a refused start leaves nothing behind")
        }
    }
}
