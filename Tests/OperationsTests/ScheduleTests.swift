import Bytes
import Testing

@Suite struct ScheduleTests {
    private static let nightly = #"{"name":"nightly","cron":"0 3 * * *","zone":"Europe/Berlin","job":{"kind":"report","args":{"days":1},"tags":["x"]}"#

    @Test func `a schedule is added, shown, replaced, paused, run and removed`() async throws {
        try await atDesk { desk in
            let added = try await desk.post("/schedules", Self.nightly + #","catch_up":"all","window_s":7200}"#, status: 201)
            #expect(added["catch_up"] == "all" && added["window_s"] == 7200 && added["paused"] == false && added["last_slot"] == .null)
            _ = try await desk.post("/schedules", Self.nightly + "}", status: 409)
            #expect(try await desk.get("/schedules/nightly")["draft"] == ["kind": "report", "args": ["days": 1], "tags": ["x"]])
            let replaced = try await desk.call("PUT", "/schedules/nightly", #"{"cron":"*/5 * * * *","job":{"kind":"report"}}"#)
            #expect(replaced.status == 200 && replaced.json["zone"] == "UTC" && replaced.json["cron"] == "*/5 * * * *")
            #expect(try await desk.post("/schedules/nightly/pause") == ["name": "nightly", "paused": true, "changed": true])
            #expect(try await desk.post("/schedules/nightly/pause")["changed"] == false)
            try await desk.sql("UPDATE heliograph.job_schedule SET decided_to = '2020-01-01'")
            #expect(try await desk.post("/schedules/nightly/resume")["changed"] == true)
            #expect(try await desk.number("SELECT count(*) FROM heliograph.job_schedule WHERE decided_to = changed_at") == 1)
            let run = try await desk.post("/schedules/nightly/run", status: 201)
            let job = try await desk.get("/jobs/\(run["id"]?.int ?? 0)")
            #expect(job["kind"] == "report" && job["tags"] == ["schedule:nightly"])
            #expect(try await desk.get("/schedules")["schedules"]?.array?.count == 1)
            #expect(try await desk.call("DELETE", "/schedules/nightly").json == ["name": "nightly", "removed": true])
            for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/run")] {
                #expect(try await desk.call(method, "/schedules/nightly\(path)").status == 404, "\(method) \(path)")
            }
            #expect(
                try await desk.audit() == [
                    "olga schedule nightly", "olga schedule nightly", "olga schedule pause nightly", "olga schedule resume nightly",
                    "olga schedule run nightly", "olga schedule remove nightly",
                ])
        }
    }

    @Test func `what a schedule makes can always be enqueued`() async throws {
        try await atDesk { desk in
            let name = String(repeating: "é", count: 50)
            let tags = (1...31).map { "\"t\($0)\"" }.joined(separator: ",")
            _ = try await desk.post(
                "/schedules", #"{"name":"\#(name)","cron":"* * * * *","job":{"kind":"a","tags":[\#(tags)],"ordering_key":"o"}}"#, status: 201)
            #expect(try await desk.number("SELECT count(*) FROM heliograph.run_slots('\(name)', ARRAY[now()], now())") == 1)
        }
    }

    @Test func `a schedule that could not run is refused`() async throws {
        try await atDesk { desk in
            let job = #""job":{"kind":"a"}"#
            for bad in [
                "", "[]", "{}", #"{"name":"n",\#(job)}"#, #"{"name":"n","cron":"* * * * *"}"#, #"{"name":"","cron":"* * * * *",\#(job)}"#,
                #"{"name":"n","cron":"* * * *",\#(job)}"#, #"{"name":"n","cron":"61 * * * *",\#(job)}"#, #"{"name":"n","cron":5,\#(job)}"#,
                #"{"name":"n","cron":"","job":{"kind":"a"}}"#, #"{"name":"n","cron":"* * * * *","zone":"Mars/Base",\#(job)}"#,
                #"{"name":"n","cron":"* * * * *","zone":"../etc/passwd",\#(job)}"#, #"{"name":"n","cron":"* * * * *","zone":"",\#(job)}"#,
                #"{"name":"n","cron":"* * * * *","job":{}}"#, #"{"name":"n","cron":"* * * * *","job":"a"}"#,
                #"{"name":"n","cron":"* * * * *","job":{"kind":""}}"#,
                #"{"name":"n","cron":"* * * * *","job":{"kind":"a","run_at":"2026-01-01T00:00:00Z"}}"#,
                #"{"name":"n","cron":"* * * * *","job":{"kind":"a","unique_key":"u"}}"#, #"{"name":"n","cron":"* * * * *","job":{"kind":"a","priority":0}}"#,
                #"{"name":"n","cron":"* * * * *","job":{"kind":"a","ordering_key":""}}"#, #"{"name":"n","cron":"* * * * *","catch_up":"some",\#(job)}"#,
                #"{"name":"n","cron":"* * * * *","catch_up":"last","window_s":100,\#(job)}"#,
                #"{"name":"n","cron":"* * * * *","catch_up":"all","window_s":1,\#(job)}"#, #"{"name":"n","cron":"* * * * *","when":1,\#(job)}"#,
                #"{"name":"n\u0000","cron":"* * * * *",\#(job)}"#, #"{"name":"\#(String(repeating: "n", count: 101))","cron":"* * * * *",\#(job)}"#,
            ] {
                let (status, json) = try await desk.call("POST", "/schedules", bad)
                #expect(status == 400, "\(bad): \(status) \(String(decoding: json.bytes, as: UTF8.self))")
            }
            #expect(try await desk.number("SELECT count(*) FROM heliograph.job_schedule") == 0)
        }
    }
}
