import Bytes
import Postgres
import Protocol
import Reactor
import TestSupport
import Testing

@testable import API

@Suite struct OperationsTests {
    /// Jobs 1…8, one in each state and a second available one.
    private func addJobs(_ api: TestAPI, on loop: isolated EventLoop) async throws {
        try await api.addTokens(on: loop)
        try await api.sql(
            """
            INSERT INTO heliograph.job (id, kind, queue, state, attempt, args, tags, unique_key, errors, run_at) VALUES
                (1, 'mail', 'default', 'available', 0, '{"to":"x"}', '{}', NULL, NULL, now()),
                (2, 'mail', 'slow', 'available', 0, '{}', '{a,b}', 'key', NULL, now()),
                (3, 'poll', 'default', 'scheduled', 0, '{}', '{}', NULL, NULL, now() + interval '1 hour'),
                (4, 'poll', 'default', 'running', 1, '{}', '{}', NULL, NULL, now()),
                (5, 'poll', 'default', 'retryable', 1, '{}', '{}', NULL, '[{"attempt":1,"at":"2025-01-01T00:00:00Z","error":"first"},{"attempt":2,"at":"2025-01-01T00:00:00Z","error":"last"}]', now() + interval '1 hour');
            INSERT INTO heliograph.job_history (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, tags, args, output, errors) VALUES
                (6, 'mail', 'default', 'completed', 5, 1, 25, 0, now(), '{}', '{"to":"y"}', '{"sent":true}', NULL),
                (7, 'mail', 'default', 'cancelled', 5, 1, 25, 0, now(), '{}', '{}', NULL, NULL),
                (8, 'poll', 'slow', 'discarded', 3, 25, 25, 1000, now(), '{t}', '{"car":1}', NULL, '[{"attempt":25,"error":"gave up"}]');
            SELECT setval('heliograph.job_id', 100)
            """, on: loop)
    }

    private func ids(_ api: TestAPI, _ query: String, on loop: isolated EventLoop) async throws -> [Int] {
        let answer = try await api.get("/api/v1/ops/jobs\(query)", token: "admin-token", on: loop)
        #expect(answer.status == 200, "\(query): \(answer.text)")
        return (try answer.json()["jobs"]?.array ?? []).compactMap { $0["id"]?.int }
    }

    @Test func `jobs of queue and history are one list, newest first, filtered and paged`() async throws {
        try await withAPI { api, loop in
            try await addJobs(api, on: loop)
            let cases: [(query: String, ids: [Int])] = [
                ("", [8, 7, 6, 5, 4, 3, 2, 1]), ("?state=available", [2, 1]), ("?state=discarded", [8]), ("?state=running", [4]),
                ("?kind=mail", [7, 6, 2, 1]),
                ("?queue=slow", [8, 2]), ("?kind=mail&queue=slow&state=available", [2]), ("?kind=none", []),
                ("?before=5", [4, 3, 2, 1]), ("?limit=3", [8, 7, 6]),
                ("?limit=3&before=6", [5, 4, 3]), ("?kind=poll&limit=2&before=8", [5, 4]), ("?state=", [8, 7, 6, 5, 4, 3, 2, 1]),
            ]
            for (query, expected) in cases { #expect(try await ids(api, query, on: loop) == expected, "\(query)") }
            let page = try await api.get("/api/v1/ops/jobs?limit=3", token: "admin-token", on: loop).json()
            #expect(page["next_before"] == 6)
            #expect(try await api.get("/api/v1/ops/jobs", token: "admin-token", on: loop).json()["next_before"] == .null)
            for bad in ["?state=lost", "?limit=0", "?limit=501", "?limit=x", "?before=-1", "?kind=%00"] {
                #expect(try await api.get("/api/v1/ops/jobs\(bad)", token: "admin-token", on: loop).status == 400, "\(bad)")
            }
        }
    }

    @Test func `a job is shown with all that is known of it`() async throws {
        try await withAPI { api, loop in
            try await addJobs(api, on: loop)
            let waiting = try await api.get("/api/v1/ops/jobs/5", token: "admin-token", on: loop).json()
            #expect(waiting["error"] == "last")
            #expect(waiting["errors"]?.array?.count == 2)
            #expect(waiting["finished_at"] == .null)
            #expect(waiting["run_at"]?.string?.hasSuffix("Z") == true)
            let done = try await api.get("/api/v1/ops/jobs/6", token: "admin-token", on: loop).json()
            #expect(done["state"] == "completed")
            #expect(done["args"] == ["to": "y"])
            #expect(done["output"] == ["sent": true])
            let tagged = try await api.get("/api/v1/ops/jobs/2", token: "admin-token", on: loop).json()
            #expect(tagged["tags"] == ["a", "b"])
            #expect(tagged["unique_key"] == "key")
            for (path, status) in [("99", 404), ("x", 400), ("-1", 400), ("99999999999999999999", 400)] {
                #expect(try await api.get("/api/v1/ops/jobs/\(path)", token: "admin-token", on: loop).status == status)
            }
            let rows = try await JobQueries(api.pool).list(JobFilter(state: .discarded))
            let summary = try rows.summary(0)
            #expect(summary.id == 8 && summary.state == .discarded && summary.error == "gave up" && summary.queue == "slow" && summary.runAt == nil)
        }
    }

    @Test func `a retry wakes what waits and copies what has finished`() async throws {
        try await withAPI { api, loop in
            try await addJobs(api, on: loop)
            let retry = { (id: Int) async throws -> Answer in try await api.post("/api/v1/ops/jobs/\(id)/retry", "{}", token: "admin-token", on: loop) }
            for id in [3, 5] {
                #expect(try await retry(id).text == #"{"id":\#(id),"retried":\#(id),"copied":false}"#)
                #expect(try await api.get("/api/v1/ops/jobs/\(id)", token: "admin-token", on: loop).json()["state"] == "available")
            }
            for id in [6, 7, 8] {
                let answer = try await retry(id).json()
                #expect(answer["copied"] == true)
                let new = try #require(answer["id"]?.int)
                #expect(new > 100)
                let job = try await api.get("/api/v1/ops/jobs/\(new)", token: "admin-token", on: loop).json()
                let old = try await api.get("/api/v1/ops/jobs/\(id)", token: "admin-token", on: loop).json()
                #expect(job["state"] == "available" && job["attempt"] == 0)
                for name in ["kind", "queue", "priority", "args", "tags", "timeout_ms", "max_attempts"] { #expect(job[name] == old[name], "\(name)") }
            }
            for (id, status) in [(1, 409), (4, 409), (99, 404)] { #expect(try await retry(id).status == status) }
        }
    }

    @Test func `counts by state and kind are bounded`() async throws {
        try await withAPI { api, loop in
            try await addJobs(api, on: loop)
            let stats = try await api.get("/api/v1/ops/stats", token: "admin-token", on: loop).json()
            func row(_ state: String, _ kind: String, _ count: Int) -> JSONValue {
                ["state": .string(state), "kind": .string(kind), "count": .int(count), "capped": false]
            }
            #expect(
                stats["jobs"]
                    == .array([row("available", "mail", 2), row("retryable", "poll", 1), row("running", "poll", 1), row("scheduled", "poll", 1)]))
            try await api.sql(
                "INSERT INTO heliograph.job (kind, args) SELECT 'many', '{}' FROM generate_series(1, \(JobQueries.countBound + 5)) AS n", on: loop)
            let many = try await JobQueries(api.pool).statistics().waiting.first { $0.kind == "many" }
            #expect(many?.count == JobQueries.countBound)
            #expect(many?.isCapped == true)
        }
    }

    @Test func `brokers tell of themselves while one is in reach`() async throws {
        try await withAPI { api, loop in
            try await api.addTokens(on: loop)
            let fleet = try await TestFleet.start(api, on: loop) { _, _ in }
            try await eventually("the broker", on: loop) {
                try await api.get("/api/v1/ops/brokers", token: "admin-token", on: loop).json()["inspection"] != .null
            }
            let body = try await api.get("/api/v1/ops/brokers", token: "admin-token", on: loop).json()
            #expect(body["brokers"]?.array?.count == 1)
            #expect(body["brokers"]?[0]?["name"] == "test")
            #expect(body["inspection"]?.object?.isEmpty == false)
            await fleet.stop(on: loop)
            let alone = try await api.get("/api/v1/ops/brokers", token: "admin-token", on: loop).json()
            #expect(alone["inspection"] == .null)
            #expect(alone["error"]?.string?.isEmpty == false)
        }
    }

    @Test func `metrics count over all loops`() async throws {
        try await withAPI { api, loop in
            for _ in 0..<8 { _ = try await api.get("/api/health", on: loop) }
            let answer = try await api.get("/metrics", on: loop)
            #expect(answer["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let lines = answer.text.split(separator: "\n")
            #expect(lines.contains("heliograph_api_loops 2"))
            #expect(lines.contains("# TYPE heliograph_http_requests_total counter"))
            #expect(lines.contains("heliograph_http_requests_total 9"))
            #expect(lines.contains("heliograph_postgres_connected 4") || lines.contains { $0.hasPrefix("heliograph_postgres_connected ") })
            let isWellFormed = lines.allSatisfy { $0.hasPrefix("# TYPE ") || $0.split(separator: " ").count == 2 }
            #expect(isWellFormed)
        }
    }

    @Test func `the console is served with a strict policy`() async throws {
        try await withAPI(SetUp { $0.console = projectRoot + "/Public" }) { api, loop in
            let index = try await api.get("/console/", on: loop)
            #expect(index.status == 200)
            #expect(index["content-type"]?.hasPrefix("text/html") == true)
            let policy = index["content-security-policy"] ?? ""
            for rule in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] { #expect(policy.contains(rule)) }
            #expect(!policy.contains("unsafe"))
            #expect(index["x-content-type-options"] == "nosniff")
            #expect(try await api.get("/console/js/console.js", on: loop).status == 200)
            #expect(try await api.get("/console/../Package.swift", on: loop).status != 200)
            #expect(try await api.get("/console/nothing.js", on: loop).status == 404)
            let moved = try await api.get("/console", on: loop)
            #expect(moved.status == 308)
            #expect(moved["location"] == "console/")
        }
    }
}
