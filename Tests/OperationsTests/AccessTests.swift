import Bytes
import Testing

@Suite struct AccessTests {
    private static let routes: [(String, String)] = [
        ("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/jobs/1"), ("GET", "/jobs/1/why"), ("POST", "/jobs/1/retry"), ("POST", "/jobs/1/cancel"),
        ("POST", "/jobs/1/discard"), ("POST", "/jobs/cancel"), ("POST", "/jobs/discard"), ("GET", "/stats"), ("GET", "/queues"),
        ("POST", "/queues/q/pause"), ("POST", "/queues/q/resume"), ("GET", "/limits"), ("PUT", "/limits/k"), ("DELETE", "/limits/k"), ("GET", "/schedules"),
        ("POST", "/schedules"), ("GET", "/schedules/s"), ("PUT", "/schedules/s"), ("DELETE", "/schedules/s"), ("POST", "/schedules/s/pause"),
        ("POST", "/schedules/s/resume"), ("POST", "/schedules/s/run"), ("POST", "/replays/preview"), ("POST", "/replays"), ("GET", "/replays"),
        ("GET", "/replays/1"), ("POST", "/replays/1/pause"), ("POST", "/replays/1/resume"), ("POST", "/replays/1/cancel"), ("GET", "/brokers"),
        ("GET", "/audit"),
    ]

    @Test func `every route of the operators needs an admin's token`() async throws {
        try await atDesk { desk in
            for (method, path) in Self.routes {
                let body = method == "POST" || method == "PUT" ? "{}" : nil
                for (token, expected) in [(nil, 401), ("wrong", 401), ("ingest-token", 403)] as [(String?, Int)] {
                    let (status, _) = try await desk.call(method, path, body, token: token)
                    #expect(status == expected, "\(method) \(path) \(token ?? "")")
                }
            }
            #expect(try await desk.number("SELECT count(*) FROM heliograph.audit") == 0)
        }
    }

    @Test func `a note names the account, or the token that belongs to nobody`() async throws {
        try await atDesk { desk in
            _ = try await desk.call("POST", "/queues/a/pause", "{}")
            _ = try await desk.call("POST", "/queues/b/pause", "{}", token: "robot-token")
            #expect(try await desk.audit() == ["olga pause a", "token:robot pause b"])
            let page = try await desk.get("/audit?limit=1")["audit"]?.array ?? []
            #expect(page.count == 1 && page[0]["subject"] == "b")
            let before = try await desk.get("/audit?before=\(page[0]["id"]?.int ?? 0)")["audit"]?.array ?? []
            #expect(before.map { $0["subject"] } == ["a"])
        }
    }
}
