import Bytes
import Testing

@Suite struct ReplayTests {
    /// Jobs 1…6: two kinds, each way to end, hostile texts among the errors.
    private static func fill(_ desk: Desk) async throws {
        try await desk.finish(1, "mail", "discarded", error: "SMTP Timeout", args: #"{"to":{"city":"Bonn"},"n":1}"#, tags: "{a}", uniqueKey: "u1")
        try await desk.finish(2, "mail", "discarded", error: "it's 100% \"broken\"", args: #"{"to":{"city":"Köln"},"n":2}"#)
        try await desk.finish(3, "mail", "cancelled", error: "cancelled by me")
        try await desk.finish(4, "mail", "completed", args: #"{"n":"1"}"#)
        try await desk.finish(5, "poll", "discarded", error: "timeout", orderingKey: "o")
        try await desk.finish(6, "poll", "discarded", error: #"back\slash'; DROP TABLE heliograph.job; --"#, orderingKey: "o")
    }

    @Test func `a preview counts and samples what the filter means, hostile texts included`() async throws {
        try await atDesk { desk in
            try await Self.fill(desk)
            let cases: [(filter: String, ids: [Int])] = [
                (#"{"kind":"mail"}"#, [2, 1]), (#"{"kind":["mail","poll"]}"#, [6, 5, 2, 1]), (#"{"kind":"mail","state":"completed"}"#, [4]),
                (#"{"state":["cancelled","completed"]}"#, [4, 3]), (#"{"error":"TIMEOUT"}"#, [5, 1]), (#"{"error":"%"}"#, [2]), (#"{"error":"_"}"#, []),
                (#"{"error":"it's 100% \"b"}"#, [2]), (#"{"error":"'; DROP TABLE"}"#, [6]), (#"{"error":"\\"}"#, [6]), (#"{"error":"$1"}"#, []),
                (#"{"error":"%s %L"}"#, []), (#"{"error":"' OR true --"}"#, []), (#"{"kind":"x' OR 'a'='a"}"#, []), (#"{"kind":"{mail}"}"#, []),
                (#"{"kind":["a\"b","mail"]}"#, [2, 1]), (#"{"tag":"a"}"#, [1]), (#"{"tag":"{a}"}"#, []), (#"{"queue":"default","kind":"poll"}"#, [6, 5]),
                (#"{"args":{"to.city":"Köln"}}"#, [2]), (#"{"args":{"n":1}}"#, [1]), (#"{"args":{"n":"1"},"state":"completed"}"#, [4]),
                (#"{"args":{"n'; --":1}}"#, []), (#"{"ids":[3,4,99]}"#, [4, 3]), (#"{"all":true}"#, [6, 5, 4, 3, 2, 1]),
                (#"{"since":"2999-01-01T00:00:00Z"}"#, []), (#"{"until":"2999-01-01T00:00:00+02:00"}"#, [6, 5, 2, 1]), (#"{"min_attempt":4}"#, []),
                (#"{"max_attempt":3,"kind":"poll"}"#, [6, 5]), (#"{"kind":[]}"#, []),
            ]
            for (filter, expected) in cases {
                let answer = try await desk.post("/replays/preview", #"{"filter":\#(filter)}"#)
                #expect(answer["matches"] == .int(expected.count), "\(filter)")
                #expect((answer["sample"]?.array ?? []).compactMap { $0["id"]?.int } == expected, "\(filter)")
            }
            let few = try await desk.post("/replays/preview", #"{"filter":{"all":true},"examples":1}"#)
            #expect(few["matches"] == 6 && few["sample"]?.array?.count == 1)
            #expect(try await desk.number("SELECT count(*) FROM heliograph.audit") == 0)
        }
    }

    @Test func `malformed filters are refused with the reason`() async throws {
        try await atDesk { desk in
            let filters = [
                "{}", "[]", "5", #""kind""#, "null", #"{"knd":"x"}"#, #"{"kind":5}"#, #"{"kind":null}"#, #"{"kind":[5]}"#, #"{"kind":{}}"#,
                #"{"state":"running"}"#,
                #"{"state":[]}"#, #"{"state":["discarded","x"]}"#, #"{"state":5}"#, #"{"error":""}"#, #"{"error":[]}"#, #"{"tag":5}"#,
                #"{"since":"yesterday"}"#,
                #"{"since":5}"#, #"{"since":null}"#, #"{"until":"2026-13-01T00:00:00Z"}"#, #"{"until":"2026-01-01"}"#, #"{"until":{}}"#,
                #"{"min_attempt":"1"}"#,
                #"{"min_attempt":-1}"#, #"{"max_attempt":1.5}"#, #"{"max_attempt":99999999999}"#, #"{"ids":5}"#, #"{"ids":["5"]}"#, #"{"ids":[null]}"#,
                #"{"ids":[-1]}"#, #"{"ids":[99999999999999999999]}"#, #"{"ids":[1e400]}"#, #"{"args":{}}"#, #"{"args":[]}"#, #"{"all":1}"#, #"{"all":false}"#,
                #"{"error":"a\u0000b"}"#, #"{"kind":"\u0000"}"#, #"{"args":{"a":"\u0000"}}"#, #"{"a\u0000":1}"#,
            ]
            for filter in filters {
                for path in ["/replays/preview", "/replays"] {
                    let (status, json) = try await desk.call("POST", path, #"{"filter":\#(filter)}"#)
                    #expect(status == 400, "\(path) \(filter): \(status) \(String(decoding: json.bytes, as: UTF8.self))")
                }
            }
            let filter = #""filter":{"all":true}"#
            for body in [
                "", "{", "[]", "{}", #"{\#(filter),"per_second":0}"#, #"{\#(filter),"per_second":-1}"#, #"{\#(filter),"per_second":20001}"#,
                #"{\#(filter),"per_second":"5"}"#, #"{\#(filter),"priority":0}"#, #"{\#(filter),"priority":10}"#, #"{\#(filter),"queue":""}"#,
                #"{\#(filter),"queue":"a\u0000"}"#, #"{\#(filter),"dry_run":"yes"}"#, #"{\#(filter),"rate":5}"#,
            ] { #expect(try await desk.call("POST", "/replays", body).status == 400, "\(body)") }
            #expect(try await desk.number("SELECT count(*) FROM heliograph.replay") == 0)
        }
    }

    @Test func `nothing that matches is a clear refusal`() async throws {
        try await atDesk { desk in
            try await Self.fill(desk)
            let answer = try await desk.post("/replays", #"{"filter":{"kind":"none"}}"#, status: 404)
            #expect(answer["error"]?["message"] == "no finished job matches this filter")
        }
    }

    @Test func `a replay makes new jobs that point to the old ones, keeps their keys and counts what it left out`() async throws {
        try await atDesk { desk in
            try await Self.fill(desk)
            try await desk.sql("INSERT INTO heliograph.job (id, kind, args, unique_key) VALUES (500, 'mail', '{}', 'u1')")
            let order = #"{"filter":{"all":true},"per_second":5.5,"queue":"again","priority":9}"#
            let begun = try await desk.post("/replays", order, status: 201)
            let id = try #require(begun["id"]?.int)
            #expect(begun["expected"] == 6 && begun["state"] == "running" && begun["who"] == "olga" && begun["per_second"] == 5.5)
            while try await desk.number("SELECT goes_on::int FROM heliograph.replay_step(\(id), 2)") == 1 {}
            let done = try await desk.get("/replays/\(id)")
            #expect(done["state"] == "completed" && done["found"] == 6 && done["enqueued"] == 5 && done["skipped"] == 1)
            let jobs = try await desk.get("/jobs?replay=\(id)")["jobs"]?.array ?? []
            #expect(jobs.map { $0["replay_of"]?.int } == [6, 5, 4, 3, 2])
            #expect(jobs.allSatisfy { $0["queue"] == "again" && $0["priority"] == 9 && $0["state"] == "available" })
            #expect(jobs.map { $0["blocked"]?.bool } == [true, false, false, false, false])
            #expect(try await desk.post("/jobs/cancel", #"{"filter":{"replay":\#(id)}}"#) == ["stopped": 5, "asked": 0])
            for turn in ["pause", "resume", "cancel"] { _ = try await desk.post("/replays/\(id)/\(turn)", status: 409) }
        }
    }

    @Test func `a dry run counts and makes nothing`() async throws {
        try await atDesk { desk in
            try await Self.fill(desk)
            let id = try #require(try await desk.post("/replays", #"{"filter":{"kind":"mail"},"dry_run":true}"#, status: 201)["id"]?.int)
            while try await desk.number("SELECT goes_on::int FROM heliograph.replay_step(\(id), 100)") == 1 {}
            let done = try await desk.get("/replays/\(id)")
            #expect(done["found"] == 2 && done["enqueued"] == 0 && done["skipped"] == 0 && done["dry_run"] == true)
            #expect(try await desk.number("SELECT count(*) FROM heliograph.job") == 0)
        }
    }

    @Test func `a replay is paused, gone on with and cancelled, each with a note`() async throws {
        try await atDesk { desk in
            try await Self.fill(desk)
            let id = try #require(try await desk.post("/replays", #"{"filter":{"all":true}}"#, status: 201)["id"]?.int)
            _ = try await desk.post("/replays/\(id)/resume", status: 409)
            #expect(try await desk.post("/replays/\(id)/pause")["state"] == "paused")
            #expect(try await desk.number("SELECT matched FROM heliograph.replay_step(\(id), 10)") == 0)
            _ = try await desk.post("/replays/\(id)/pause", status: 409)
            #expect(try await desk.post("/replays/\(id)/resume")["state"] == "running")
            #expect(try await desk.number("SELECT made FROM heliograph.replay_step(\(id), 2)") == 2)
            let cancelled = try await desk.post("/replays/\(id)/cancel")
            #expect(cancelled["state"] == "cancelled" && cancelled["finished_at"] != .null && cancelled["enqueued"] == 2)
            #expect(try await desk.number("SELECT matched FROM heliograph.replay_step(\(id), 10)") == 0)
            #expect(try await desk.get("/replays")["replays"]?.array?.count == 1)
            for (path, status) in [("/replays/99/pause", 404), ("/replays/x/pause", 400), ("/replays/\(id)/stop", 404)] {
                _ = try await desk.post(path, status: status)
            }
            #expect(try await desk.audit() == ["olga replay \(id)", "olga replay pause \(id)", "olga replay resume \(id)", "olga replay cancel \(id)"])
        }
    }
}
