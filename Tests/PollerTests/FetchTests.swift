import Bytes
import Fetch
import Reactor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct FetchTests {
    /// What a path makes the server do.
    private static func serve(_ c: Conversation) async {
        while let (head, body) = await c.request() {
            let words = head.split(separator: " ")
            switch words.count > 1 ? words[1] : "" {
            case "/echo":
                c.answer(200, "\(words[0]) \(String(decoding: body, as: UTF8.self))", "X-Seen: \(head.contains("Authorization: Bearer t") ? "yes" : "no")\r\n")
            case "/limited": c.answer(429, "Retry in 60497 seconds\n", "retry-AFTER:   60497 \r\nOther: 1\r\n")
            case "/redirect": c.answer(302, "", "Location: /echo\r\n")
            case "/redirect-file": c.answer(302, "", "Location: file:///etc/passwd\r\n")
            case "/loop": c.answer(302, "", "Location: /loop\r\n")
            case "/short":
                c.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
                return c.close()
            case "/short-chunk":
                c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nonly")
                return c.close()
            case "/large": c.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n")
            case "/large-chunks":
                c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in 0..<40 { c.send("1000\r\n\(String(repeating: "x", count: 4_096))\r\n") }
            case "/garbage":
                c.send([0, 1, 2, 3] + Array("no HTTP\r\n\r\n".utf8))
                return c.close()
            case "/nothing": return c.close()
            case "/exact": c.answer(200, String(repeating: "y", count: 1_000))
            case "/interim":
                c.send("HTTP/1.1 103 Early Hints\r\nRetry-After: 1\r\n\r\n")
                c.answer(200, "final")
            default: await c.wait { _ in false }
            }
        }
    }

    private static func withServer(
        _ options: FetchOptions = FetchOptions(), _ body: @Sendable (Fetcher, ScriptedServer, isolated EventLoop) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let server = try ScriptedServer(on: loop) { await serve($0) }
            let fetcher = try Fetcher(options, on: loop)
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(fetcher, server, loop))
            } catch {
                result = .failure(error)
            }
            fetcher.close()
            server.stop(on: loop)
            try result.get()
        }
    }

    @Test func `a request carries method, fields and body, and the answer its status, the wanted fields and the body`() async throws {
        try await Self.withServer { fetcher, server, loop in
            let base = "http://127.0.0.1:\(server.port)"
            for (method, body, said) in [
                ("GET", nil, "GET "), ("POST", "a\u{0}b", "POST a\u{0}b"), ("POST", nil, "POST "), ("PUT", "x", "PUT x"), ("DELETE", nil, "DELETE "),
            ] {
                let answer = try await fetcher.send(
                    FetchRequest(method, "\(base)/echo", headers: [("Authorization", "Bearer t")], body: body.map { Array($0.utf8) }, wantedFields: ["x-seen"]),
                    on: loop
                ).get()
                #expect(answer.status == 200)
                #expect(String(decoding: answer.body, as: UTF8.self) == said)
                #expect(answer["x-seen"] == "yes")
            }
            let limited = try await fetcher.send(FetchRequest("GET", "\(base)/limited", wantedFields: ["retry-after"]), on: loop).get()
            #expect(limited.status == 429)
            #expect(limited.fields.map(\.name) == ["retry-after"])
            #expect(limited["retry-after"] == "60497 " || limited["retry-after"] == "60497")
            let interim = try await fetcher.send(FetchRequest("GET", "\(base)/interim", wantedFields: ["retry-after"]), on: loop).get()
            #expect(interim.status == 200)
            #expect(interim["retry-after"] == nil)
            #expect(fetcher.counters.connections == 1, "one connection is used again and again")
            #expect(fetcher.inFlight == 0)
        }
    }

    @Test func `what goes wrong is told by kind`() async throws {
        try await Self.withServer { fetcher, server, loop in
            let base = "http://127.0.0.1:\(server.port)"
            let cases: [(String, FetchFailure.Kind)] = [
                ("http://127.0.0.1:1/", .connection), ("http://no-such-name.invalid/", .connection), ("\(base)/hang", .timeout), ("\(base)/short", .truncated),
                ("\(base)/short-chunk", .truncated), ("\(base)/large", .tooLarge), ("\(base)/large-chunks", .tooLarge), ("\(base)/garbage", .connection),
                ("\(base)/nothing", .connection), ("file:///etc/passwd", .invalid), ("ftp://127.0.0.1/", .invalid), ("http://", .invalid), ("", .invalid),
                ("\(base)/a\r\nX: 1", .invalid),
            ]
            for (url, kind) in cases {
                let result = await fetcher.send(FetchRequest("GET", url, deadlineMs: kind == .timeout ? 150 : 5_000, maxBytes: 100_000), on: loop)
                guard case .failure(let failure) = result else {
                    Issue.record("\(url) got an answer")
                    continue
                }
                #expect(failure.kind == kind || (kind == .truncated && failure.kind == .connection && url.hasSuffix("chunk")), "\(url): \(failure)")
            }
            let header = await fetcher.send(FetchRequest("GET", "\(base)/echo", headers: [("A", "b\nC: d")]), on: loop)
            #expect(throws: FetchFailure.self) { try header.get() }
            let exact = try await fetcher.send(FetchRequest("GET", "\(base)/exact", maxBytes: 1_000), on: loop).get()
            #expect(exact.body.count == 1_000)
            let tooLong = await fetcher.send(FetchRequest("GET", "\(base)/exact", maxBytes: 999), on: loop)
            #expect(throws: FetchFailure.self) { try tooLong.get() }
        }
    }

    @Test func `redirects are followed only when asked, and never to another kind of place`() async throws {
        try await Self.withServer { fetcher, server, loop in
            let base = "http://127.0.0.1:\(server.port)"
            let plain = try await fetcher.send(FetchRequest("GET", "\(base)/redirect"), on: loop).get()
            #expect(plain.status == 302)
            var request = FetchRequest("GET", "\(base)/redirect")
            request.redirects = 3
            let followed = try await fetcher.send(request, on: loop).get()
            #expect(followed.status == 200)
            for path in ["redirect-file", "loop"] {
                request.url = "\(base)/\(path)"
                let refused = await fetcher.send(request, on: loop)
                #expect(throws: FetchFailure.self) { try refused.get() }
            }
        }
    }

    @Test func `a cancelled task's request ends at once, and its connection with it`() async throws {
        try await Self.withServer { fetcher, server, loop in
            let url = "http://127.0.0.1:\(server.port)/hang"
            let outcome = Outcome()
            let task = Self.begin(FetchRequest("GET", url, deadlineMs: 60_000), fetcher, outcome, on: loop)
            try await eventually("the request at the server", on: loop) {
                server.conversations.first?.received.isEmpty == true && server.conversations.count == 1
            }
            let begin = Clock.monotonicNs
            task.cancel()
            try await eventually("the end", on: loop) { outcome.kind != nil }
            #expect(outcome.kind == .cancelled)
            #expect(Clock.monotonicNs - begin < 5_000_000_000)
            try await eventually("the connection's end", on: loop) { server.conversations.allSatisfy(\.isEnded) }
            #expect(fetcher.inFlight == 0)
            #expect(fetcher.counters.cancelled == 1)
        }
    }

    private final class Outcome { var kind: FetchFailure.Kind? }

    private static func begin(_ request: FetchRequest, _ fetcher: Fetcher, _ outcome: Outcome, on loop: isolated EventLoop) -> Task<Void, Never> {
        loop.spawn {
            if case .failure(let failure) = await fetcher.send(request, on: loop) { outcome.kind = failure.kind }
        }
    }

    @Test func `thousands of requests wait at the same time, and the loop goes on`() async throws {
        var options = FetchOptions()
        options.mostConnections = 2_000
        try await onLoop { [options] loop in
            let arrived = Count()
            // Nobody is answered before all have asked.
            let server = try ScriptedServer(on: loop) { c in
                guard await c.request() != nil else { return }
                arrived.number += 1
                await arrived.wait(for: 2_000)
                c.answer(200, "ok")
            }
            let fetcher = try Fetcher(options, on: loop)
            let ended = Count()
            var ticks = 0
            loop.every(ns: 10_000_000) {
                ticks += 1
                return ended.number < 2_000
            }
            for _ in 0..<2_000 { Self.countOne(FetchRequest("GET", "http://127.0.0.1:\(server.port)/", deadlineMs: 60_000), fetcher, ended, on: loop) }
            try await eventually("all answers", seconds: 60, on: loop) { ended.number == 2_000 }
            #expect(ended.good == 2_000)
            #expect(fetcher.counters.failures == 0)
            #expect(ticks > 3)
            fetcher.close()
            server.stop(on: loop)
        }
    }

    private static func countOne(_ request: FetchRequest, _ fetcher: Fetcher, _ ended: Count, on loop: isolated EventLoop) {
        loop.spawn {
            if case .success(let answer) = await fetcher.send(request, on: loop), answer.status == 200 { ended.good += 1 }
            ended.number += 1
        }
    }

    private final class Count {
        var good = 0
        var number = 0 { didSet { if number >= limit { wake() } } }
        private var limit = Int.max
        private var waiters: [UnsafeContinuation<Void, Never>] = []

        func wait(for limit: Int) async {
            self.limit = limit
            if number >= limit { return wake() }
            await withUnsafeContinuation { waiter in
                // It may have come between the look and the suspension.
                if number >= limit { waiter.resume() } else { waiters.append(waiter) }
            }
        }

        private func wake() {
            let due = waiters
            waiters = []
            for waiter in due { waiter.resume() }
        }
    }

    @Test func `more requests than connections wait for one`() async throws {
        var options = FetchOptions()
        options.mostConnections = 4
        try await Self.withServer(options) { fetcher, server, loop in
            let ended = Count()
            let url = "http://127.0.0.1:\(server.port)/echo"
            for _ in 0..<200 { Self.countOne(FetchRequest("GET", url, deadlineMs: 30_000), fetcher, ended, on: loop) }
            try await eventually("all answers", on: loop) { ended.number == 200 }
            #expect(ended.good == 200)
            #expect(server.conversations.count <= 4)
        }
    }

    @Test func `TLS wants a certificate that is trusted and names the host, and HTTP/2 is spoken where it is offered`() async throws {
        try await onLoop { loop in
            let server = try ScriptedServer(on: loop) { await Self.serve($0) }
            let front = try await TLSFront.start(before: server.port, on: loop)
            var options = FetchOptions()
            options.caFile = front.caFile
            let trusting = try Fetcher(options, on: loop)
            let strange = try Fetcher(on: loop)
            let good = try await trusting.send(FetchRequest("GET", "https://localhost:\(front.port("plain"))/echo"), on: loop).get()
            #expect(good.status == 200)
            #expect(good.version == 1)
            let refusals = [
                (strange, "https://localhost:\(front.port("plain"))/echo"), (trusting, "https://127.0.0.1:\(front.port("plain"))/echo"),
                (trusting, "https://localhost:\(front.port("old"))/echo"),
            ]
            for (fetcher, url) in refusals {
                let result = await fetcher.send(FetchRequest("GET", url), on: loop)
                guard case .failure(let failure) = result else {
                    Issue.record("\(url) was trusted")
                    continue
                }
                #expect(failure.kind == .tls, "\(failure)")
            }
            // One that hangs holds nobody up, where a connection is for one request at a time.
            let outcome = Outcome()
            let hanging = Self.begin(FetchRequest("GET", "https://localhost:\(front.port("plain"))/hang", deadlineMs: 60_000), trusting, outcome, on: loop)
            for _ in 0..<3 {
                let quick = try await trusting.send(FetchRequest("GET", "https://localhost:\(front.port("plain"))/echo", deadlineMs: 10_000), on: loop).get()
                #expect(quick.status == 200)
            }
            #expect(outcome.kind == nil)
            hanging.cancel()
            let ended = Count()
            let before = trusting.counters.connections
            for _ in 0..<50 { Self.countOne(FetchRequest("GET", "https://localhost:\(front.port("h2"))/"), trusting, ended, on: loop) }
            try await eventually("all answers", on: loop) { ended.number == 50 }
            #expect(ended.good == 50)
            #expect(trusting.counters.connections - before == 1, "all at once on one connection")
            let second = try await trusting.send(FetchRequest("GET", "https://localhost:\(front.port("h2"))/"), on: loop).get()
            #expect(second.version == 2)
            for fetcher in [trusting, strange] { fetcher.close() }
            front.stop(on: loop)
            server.stop(on: loop)
        }
    }
}
