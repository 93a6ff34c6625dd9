import API
import Bytes
import Testing

@Suite struct QueueTests {
    @Test func `a pause holds until it is taken back, and each change is noted once`() async throws {
        try await atDesk { desk in
            #expect(try await desk.post("/queues/slow/pause") == ["queue": "slow", "paused": true, "changed": true])
            #expect(try await desk.post("/queues/slow/pause")["changed"] == false)
            #expect(try await desk.post("/queues/*/pause")["changed"] == true)
            #expect(try await desk.get("/queues")["queues"]?.array?.map { $0["queue"] } == ["*", "slow"])
            #expect(try await desk.post("/queues/slow/resume") == ["queue": "slow", "paused": false, "changed": true])
            #expect(try await desk.post("/queues/slow/resume")["changed"] == false)
            #expect(try await desk.post("/queues/a%2Fb%20c/pause")["queue"] == "a/b c")
            #expect(try await desk.audit() == ["olga pause slow", "olga pause *", "olga resume slow", "olga pause a/b c"])
            for path in ["/queues/%00/pause", "/queues/\(String(repeating: "x", count: 257))/pause"] { _ = try await desk.post(path, status: 400) }
            _ = try await desk.post("/queues//pause", status: 404)
            #expect(try await desk.call("GET", "/queues/slow/pause").status == 405)
        }
    }

    @Test func `queues show what waits in them, bounded`() async throws {
        try await atDesk { desk in
            try await desk.sql(
                """
                INSERT INTO heliograph.job (kind, queue, args, state, ordering_key) VALUES
                    ('a', 'q1', '{}', 'available', 'k'), ('a', 'q1', '{}', 'available', 'k'), ('b', 'q1', '{}', 'running', NULL),
                    ('b', 'q2', '{}', 'scheduled', NULL), ('b', 'q2', '{}', 'retryable', NULL);
                INSERT INTO heliograph.job (kind, queue, args) SELECT 'many', 'q3', '{}' FROM generate_series(1, \(JobQueries.countBound + 5));
                INSERT INTO heliograph.paused_queue (name, paused_by) VALUES ('q2', 'me'), ('empty', 'me')
                """)
            let queues = try await desk.get("/queues")["queues"]?.array ?? []
            #expect(queues.map { $0["queue"]?.string } == ["empty", "q1", "q2", "q3"])
            #expect(queues.map { $0["paused"]?.bool } == [true, false, true, false])
            let q1 = queues[1]
            #expect(q1["available"] == 1 && q1["blocked"] == 1 && q1["running"] == 1 && q1["scheduled"] == 0)
            #expect(queues[2]["scheduled"] == 1 && queues[2]["retryable"] == 1 && queues[2]["by"] == "me")
            #expect(queues[3]["available"] == .int(JobQueries.countBound) && queues[3]["capped"] == true)
        }
    }

    @Test func `statistics of finished jobs are sums and means by kind, of today and of 24 hours`() async throws {
        try await atDesk { desk in
            for id in 1...3 { try await desk.finish(id, "mail", "completed") }
            try await desk.finish(4, "mail", "discarded", error: "x")
            // Transactions of other tests on the same server may hold the count up for a moment.
            while try await desk.number("SELECT coalesce(sum(jobs), 0)::bigint FROM heliograph.job_stat") < 4 {
                try await desk.sql("SELECT heliograph.count_finished()")
            }
            try await desk.sql(
                """
                INSERT INTO heliograph.job_stat VALUES
                    (now() - interval '30 hours', 'mail', 'default', 'completed', 100, 100, 1, 1),
                    (date_trunc('hour', now()) - interval '23 hours', 'old', 'q', 'completed', 4, 4, 10, 30);
                INSERT INTO heliograph.paused_queue (name, paused_by) VALUES ('slow', 'me')
                """)
            let stats = try await desk.get("/stats")
            let mail = stats["finished_24h"]?.array?.first { $0["kind"] == "mail" && $0["state"] == "completed" }
            #expect(mail?["count"] == 3)
            let wait = try #require(mail?["mean_wait_ms"]?.double)
            let run = try #require(mail?["mean_run_ms"]?.double)
            #expect((5_900...6_100).contains(wait) && (4_000...9_000).contains(run), "\(wait) \(run)")
            let old = stats["finished_24h"]?.array?.first { $0["kind"] == "old" }
            #expect(old == ["state": "completed", "kind": "old", "count": 4, "mean_wait_ms": 2.5, "mean_run_ms": 7.5])
            #expect(stats["finished_today"]?.array?.contains { $0["kind"] == "mail" && $0["state"] == "discarded" && $0["count"] == 1 } == true)
            #expect(stats["paused"]?[0]?["queue"] == "slow")
        }
    }

    @Test func `a limit is set as a whole, shown, and taken away`() async throws {
        try await atDesk { desk in
            func put(_ kind: String, _ body: String, _ expected: Int = 200) async throws -> JSONValue {
                let (status, json) = try await desk.call("PUT", "/limits/\(kind)", body)
                #expect(status == expected, "\(kind) \(body): \(String(decoding: json.bytes, as: UTF8.self))")
                return json
            }
            // The schema comes with some.
            let before = try await desk.get("/limits")["limits"]?.array?.count ?? 0
            #expect(try await put("mail", #"{"max_running":3}"#) == ["kind": "mail", "max_running": 3, "per_second": .null, "burst": .null])
            #expect(try await put("poll", #"{"per_second":2.5}"#) == ["kind": "poll", "max_running": .null, "per_second": 2.5, "burst": 3])
            #expect(try await put("mail", #"{"per_second":10,"burst":1}"#) == ["kind": "mail", "max_running": .null, "per_second": 10, "burst": 1])
            #expect(try await desk.get("/limits")["limits"]?.array?.count == before + 2)
            #expect(try await put("stopped", #"{"max_running":0}"#)["max_running"] == 0)
            for bad in [
                "{}", "[]", "", #"{"max_running":-1}"#, #"{"max_running":"3"}"#, #"{"max_running":1e99}"#, #"{"per_second":0}"#, #"{"per_second":-1}"#,
                #"{"per_second":1e300}"#, #"{"burst":5}"#, #"{"per_second":1,"burst":0}"#, #"{"max":3}"#, #"{"max_running":99999999999}"#,
            ] { _ = try await put("bad", bad, 400) }
            _ = try await put("%00", #"{"max_running":1}"#, 400)
            #expect(try await desk.call("DELETE", "/limits/mail").json == ["kind": "mail", "removed": true])
            #expect(try await desk.call("DELETE", "/limits/mail").status == 404)
            #expect(try await desk.audit() == ["olga limit mail", "olga limit poll", "olga limit mail", "olga limit stopped", "olga unlimit mail"])
        }
    }

    @Test func `brokers are listed from the database where none is in reach`() async throws {
        try await atDesk { desk in
            try await desk.sql(
                """
                INSERT INTO heliograph.broker (name, serves, beat_at) VALUES ('b', '{"mail":{"workers":1,"window":8,"free":7}}', now() - interval '2 s'), ('a', '{}', now())
                """)
            let answer = try await desk.get("/brokers")
            #expect(answer["brokers"]?.array?.map { $0["name"] } == ["a", "b"])
            #expect(answer["brokers"]?[1]?["serves"]?["mail"]?["free"] == 7)
            #expect((answer["brokers"]?[1]?["beat_age_ms"]?.int ?? 0) >= 2_000)
            #expect(answer["inspection"] == .null && answer["error"]?.string?.isEmpty == false)
        }
    }
}
