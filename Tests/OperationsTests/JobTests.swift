import Bytes
import Testing

@Suite struct JobTests {
    private static func ids(_ json: JSONValue) -> [Int] { (json["jobs"]?.array ?? []).compactMap { $0["id"]?.int } }

    @Test func `jobs are found by tag, error, replay and ordering key, in queue and history`() async throws {
        try await atDesk { desk in
            try await desk.sql(
                """
                INSERT INTO heliograph.job (id, kind, args, tags, ordering_key, errors, replay, replay_of, progress) VALUES
                    (1, 'mail', '{}', '{a,b}', 'car 1', NULL, NULL, NULL, '{"done":3}'),
                    (2, 'mail', '{}', '{b}', 'car 1', '[{"error":"Time-Out 100% of O''Hara"}]', 7, 12, NULL)
                """)
            try await desk.finish(3, "mail", "discarded", error: "timeout", tags: "{b}", orderingKey: "car 1")
            try await desk.finish(4, "poll", "completed", error: "timeout at first", tags: "{c}")
            let cases: [(String, [Int])] = [
                ("?tag=b", [3, 2, 1]), ("?tag=c", [4]), ("?tag=none", []), ("?error=TIMEOUT", [3]), ("?error=time-out", [2]),
                ("?error=timeout&state=completed", [4]), ("?error=100%25", [2]), ("?error=O'Hara", [2]), ("?error=%25", [2]), ("?error=_", []),
                ("?replay=7", [2]), ("?ordering_key=car%201", [3, 2, 1]), ("?ordering_key=car%201&before=3", [2, 1]), ("?tag=b&error=out&kind=mail", [3, 2]),
            ]
            for (query, expected) in cases { #expect(Self.ids(try await desk.get("/jobs\(query)")) == expected, "\(query)") }
            let first = try await desk.get("/jobs/1")
            #expect(first["ordering_key"] == "car 1" && first["blocked"] == false && first["progress"]?["done"] == 3)
            let second = try await desk.get("/jobs/2")
            #expect(second["blocked"] == true && second["replay"] == 7 && second["replay_of"] == 12 && second["cancel_asked_at"] == .null)
        }
    }

    @Test func `malformed questions are refused, never a fault of the server`() async throws {
        try await atDesk { desk in
            for path in [
                "/jobs?state=lost", "/jobs?limit=0", "/jobs?limit=501", "/jobs?limit=x", "/jobs?before=-1", "/jobs?kind=%00", "/jobs?tag=a%00",
                "/jobs?error=%00",
                "/jobs?replay=x", "/jobs?replay=0", "/jobs?replay=99999999999999999999", "/jobs?ordering_key=%00", "/jobs?kind=%ff", "/jobs/x", "/jobs/0",
                "/jobs/-1", "/jobs/99999999999999999999", "/jobs/x/why", "/jobs/%00", "/replays/x", "/replays/0", "/replays?limit=0", "/audit?limit=x",
                "/audit?limit=501", "/audit?before=x", "/schedules/%00",
            ] {
                let (status, json) = try await desk.call("GET", path)
                #expect(status == 400, "\(path): \(status)")
                #expect(json["error"]?["message"]?.string?.isEmpty == false, "\(path)")
            }
            for path in ["/jobs/9", "/jobs/9/why", "/replays/9", "/schedules/none", "/nothing"] {
                #expect(try await desk.call("GET", path).status == 404, "\(path)")
            }
        }
    }

    @Test func `a retry wakes what waits, and copies what has finished with its keys`() async throws {
        try await atDesk { desk in
            try await desk.sql(
                """
                INSERT INTO heliograph.job (id, kind, args, state, run_at, unique_key) VALUES
                    (1, 'mail', '{}', 'scheduled', now() + interval '1 h', 'u1'), (2, 'mail', '{}', 'running', now(), NULL)
                """)
            try await desk.finish(3, tags: "{t}", uniqueKey: "u3", orderingKey: "o")
            try await desk.finish(4, uniqueKey: "u1")
            try await desk.finish(5, orderingKey: "o")
            #expect(try await desk.post("/jobs/1/retry") == ["id": 1, "retried": 1, "copied": false])
            let copy = try await desk.post("/jobs/3/retry")
            let new = try #require(copy["id"]?.int)
            #expect(new > 1000 && copy["copied"] == true)
            let job = try await desk.get("/jobs/\(new)")
            #expect(job["unique_key"] == "u3" && job["ordering_key"] == "o" && job["replay_of"] == 3 && job["tags"] == ["t"] && job["attempt"] == 0)
            let again = try await desk.post("/jobs/3/retry", status: 409)
            #expect(again["error"]?["message"]?.string == "job \(new), which waits, holds the unique key 'u3' of job 3")
            #expect(try await desk.post("/jobs/4/retry", status: 409)["error"]?["message"]?.string?.hasPrefix("job 1,") == true)
            let behind = try #require(try await desk.post("/jobs/5/retry")["id"]?.int)
            #expect(try await desk.get("/jobs/\(behind)")["blocked"] == true)
            for id in [1, 2] { _ = try await desk.post("/jobs/\(id)/retry", status: 409) }
            _ = try await desk.post("/jobs/99/retry", status: 404)
            _ = try await desk.post("/jobs/x/retry", status: 400)
            #expect(try await desk.audit() == ["olga retry 1", "olga retry 3", "olga retry 5"])
        }
    }

    @Test func `retries of one ordering key at the same time all succeed, and one of them goes first`() async throws {
        try await atDesk { desk in
            for id in 1...12 { try await desk.finish(id, orderingKey: "o") }
            let statuses = await desk.together((1...12).map { "/jobs/\($0)/retry" })
            #expect(statuses == [Int](repeating: 200, count: 12))
            #expect(try await desk.number("SELECT count(*) FROM heliograph.job WHERE NOT blocked") == 1)
            #expect(try await desk.number("SELECT count(DISTINCT replay_of) FROM heliograph.job") == 12)
        }
    }

    @Test func `cancel and discard end what waits, ask what runs, and refuse what has finished`() async throws {
        try await atDesk { desk in
            try await desk.sql(
                """
                INSERT INTO heliograph.job (id, kind, args, state) VALUES
                    (1, 'mail', '{}', 'available'), (2, 'mail', '{}', 'running'), (3, 'mail', '{}', 'scheduled'), (4, 'mail', '{}', 'retryable')
                """)
            try await desk.finish(5)
            #expect(try await desk.post("/jobs/1/cancel") == ["id": 1, "outcome": "cancelled"])
            #expect(try await desk.get("/jobs/1")["error"] == "cancelled by olga")
            #expect(try await desk.post("/jobs/2/cancel") == ["id": 2, "outcome": "asked"])
            #expect(try await desk.get("/jobs/2")["cancel_asked_at"] != .null)
            #expect(try await desk.post("/jobs/3/discard") == ["id": 3, "outcome": "discarded"])
            for (path, status) in [("/jobs/5/cancel", 409), ("/jobs/1/discard", 409), ("/jobs/99/cancel", 404), ("/jobs/x/cancel", 400)] {
                _ = try await desk.post(path, status: status)
            }
            let many = try await desk.post("/jobs/cancel", #"{"ids":[99,5,4,4]}"#)
            #expect(
                many["jobs"] == [["id": 4, "outcome": "cancelled"], ["id": 5, "outcome": "finished"], ["id": 99, "outcome": "unknown"]])
            #expect(try await desk.audit() == ["olga cancel 1", "olga cancel 2", "olga discard 3", "olga cancel 99 5 4 4"])
        }
    }

    @Test func `a filter cancels everything that it finds and nothing else, in chunks, after a preview`() async throws {
        try await atDesk { desk in
            try await desk.sql(
                """
                INSERT INTO heliograph.job (kind, queue, args, state) SELECT 'mail', 'bulk', '{}',
                    CASE n % 4 WHEN 0 THEN 'scheduled' WHEN 1 THEN 'retryable' ELSE 'available' END::heliograph.job_state FROM generate_series(1, 2500) AS n;
                INSERT INTO heliograph.job (id, kind, queue, args, state) VALUES
                    (1, 'mail', 'bulk', '{}', 'running'), (2, 'mail', 'other', '{}', 'available'), (3, 'poll', 'bulk', '{}', 'available')
                """)
            let wish = #"{"filter":{"kind":"mail","queue":"bulk"}"#
            let preview = try await desk.post("/jobs/cancel", wish + #","preview":true}"#)
            #expect(preview["matches"] == 2501)
            #expect(preview["sample"]?.array?.count == 10)
            #expect(try await desk.number("SELECT count(*) FROM heliograph.job") == 2503)
            #expect(try await desk.post("/jobs/cancel", #"{"filter":{"kind":"mail","queue":"bulk","state":"scheduled"}}"#) == ["stopped": 625, "asked": 0])
            #expect(try await desk.post("/jobs/cancel", wish + "}") == ["stopped": 1875, "asked": 1])
            #expect(try await desk.post("/jobs/cancel", wish + "}") == ["stopped": 0, "asked": 0])
            #expect(try await desk.number("SELECT count(*) FROM heliograph.job") == 3)
            #expect(try await desk.post("/jobs/discard", #"{"filter":{},"all":true}"#) == ["stopped": 2, "asked": 0])
            let detail = try await desk.text("SELECT detail::text FROM heliograph.audit WHERE id = 2")
            #expect(detail == #"{"asked": 1, "filter": {"kind": "mail", "queue": "bulk"}, "stopped": 1875}"#)
            #expect(try await desk.number("SELECT count(*) FROM heliograph.audit") == 3)
            for bad in [
                "[]", "{", "", "{}", #"{"filter":{}}"#, #"{"filter":[]}"#, #"{"filter":{"kind":""}}"#, #"{"filter":{"kind":1}}"#,
                #"{"filter":{"state":"completed"}}"#, #"{"filter":{"state":"x"}}"#, #"{"filter":{"knd":"mail"}}"#, #"{"filtr":{"kind":"mail"}}"#,
                #"{"filter":{"kind":"a\u0000"}}"#, #"{"filter":{"replay":"x"}}"#, #"{"ids":[]}"#, #"{"ids":["1"]}"#, #"{"ids":[0]}"#,
                #"{"ids":[1],"filter":{"kind":"a"}}"#, #"{"ids":{}}"#, #"{"filter":{"kind":"a"},"preview":1}"#,
            ] { #expect(try await desk.call("POST", "/jobs/cancel", bad).status == 400, "\(bad)") }
        }
    }

    @Test func `an order enqueues a job as SQL does, with the same checks`() async throws {
        try await atDesk { desk in
            let new = try await desk.post(
                "/jobs",
                #"{"kind":"mail","args":{"to":"x"},"queue":"q","priority":1,"unique_key":"u","ordering_key":"o","tags":["a"],"max_attempts":3,"timeout_ms":5}"#,
                status: 201)
            let id = try #require(new["id"]?.int)
            let job = try await desk.get("/jobs/\(id)")
            #expect(job["kind"] == "mail" && job["args"] == ["to": "x"] && job["queue"] == "q" && job["priority"] == 1 && job["tags"] == ["a"])
            #expect(job["unique_key"] == "u" && job["ordering_key"] == "o" && job["max_attempts"] == 3 && job["timeout_ms"] == 5 && job["state"] == "available")
            #expect(try await desk.post("/jobs", #"{"kind":"other","unique_key":"u"}"#) == ["id": .int(id), "duplicate": true])
            let later = try await desk.post("/jobs", #"{"kind":"mail","run_at":"2999-01-01T00:00:00Z","queue":null}"#, status: 201)
            #expect(try await desk.get("/jobs/\(later["id"]?.int ?? 0)")["state"] == "scheduled")
            #expect(try await desk.audit().count == 2)
            for bad in [
                "", "[]", "{}", #""x""#, #"{"kind":""}"#, #"{"kind":5}"#, #"{"kind":null}"#, #"{"kind":"a","args":"#, #"{"kind":"a","priority":0}"#,
                #"{"kind":"a","priority":10}"#, #"{"kind":"a","priority":"1"}"#, #"{"kind":"a","priority":99999999999}"#, #"{"kind":"a","max_attempts":0}"#,
                #"{"kind":"a","max_attempts":1001}"#, #"{"kind":"a","timeout_ms":-1}"#, #"{"kind":"a","run_at":"tomorrow"}"#, #"{"kind":"a","run_at":5}"#,
                #"{"kind":"a","run_at":"9999-12-31T23:59:59Z"}"#, #"{"kind":"a","tags":"a"}"#, #"{"kind":"a","tags":[1]}"#, #"{"kind":"a","tags":[""]}"#,
                #"{"kind":"a","queue":""}"#, #"{"kind":"a","unique_key":""}"#, #"{"kind":"a\u0000"}"#, #"{"kind":"a","args":{"x":"\u0000"}}"#,
                #"{"kind":"a","when":1}"#, #"{"kind":"a","kind":"b"}"#, #"{"kind":"a","args":1e999999}"#,
            ] { #expect(try await desk.call("POST", "/jobs", bad).status == 400, "\(bad)") }
            let long = #"{"kind":"a","args":""# + String(repeating: "x", count: 1 << 20) + #""}"#
            #expect(try await desk.call("POST", "/jobs", long).status == 400)
            #expect(try await desk.number("SELECT count(*) FROM heliograph.job") == 2)
        }
    }

    @Test func `why is passed through`() async throws {
        try await atDesk { desk in
            try await desk.sql("INSERT INTO heliograph.job (id, kind, queue, args) VALUES (1, 'mail', 'slow', '{}')")
            _ = try await desk.post("/queues/slow/pause")
            let why = try await desk.get("/jobs/1/why")
            #expect(why["id"] == 1 && why["state"] == "available")
            #expect(why["reasons"]?.array?.compactMap { $0["reason"]?.string } == ["paused", "no_worker"])
            #expect(why["reasons"]?[0]?["by"] == "olga")
        }
    }
}
