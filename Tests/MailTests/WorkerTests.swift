import Bytes
import HandlerKit
import Postgres
import Protocol
import Reactor
import Secrets
import TestSupport
import Testing

@testable import Workers

/// A database, a fleet in memory whose clock the test moves, and a mail worker that sends to a real server.
final class Post {
    static let code = "602214"
    let server: SMTPServer
    let pool: PostgresPool
    let fleet: KitFleet
    let seal: Seal

    init(_ server: SMTPServer, _ pool: PostgresPool, _ fleet: KitFleet, _ seal: Seal) {
        self.server = server
        self.pool = pool
        self.fleet = fleet
        self.seal = seal
    }

    /// What the API does when somebody asks for a code.
    func ask(_ email: String, _ purpose: String = "registration", code: String = Post.code, minutes: Int64 = 10) async throws {
        let sealed = seal.close(Array(code.utf8), context: MailWorker.sealContext(email: email, purpose: purpose))
        _ = try await pool.query(
            """
            INSERT INTO heliograph.verification_code (email, purpose, salt, hash, sealed, sent_at, expires_at) VALUES ($1, $2, '', sha256(''), $3, $4, $5)
            ON CONFLICT (email, purpose) DO UPDATE SET sealed = excluded.sealed, sent_at = excluded.sent_at, expires_at = excluded.expires_at
            """, Parameters(email, purpose, sealed, fleet.now, fleet.now.adding(.minutes(minutes))))
    }

    func sealed(_ email: String) async throws -> [UInt8]? {
        try await pool.query("SELECT sealed FROM heliograph.verification_code WHERE email = $1", Parameters(email)).bytesIfPresent(0, 0)
    }

    /// Enqueues and runs what can run.
    func send(_ kind: String, _ args: JSONValue, on loop: isolated EventLoop) async throws -> KitJob {
        let id = try await fleet.enqueue(kind, args, on: loop).id
        try await fleet.drain(on: loop)
        return try job(id)
    }

    func job(_ id: Int64) throws -> KitJob {
        guard let job = fleet.job(id) else { throw Overdue(what: "job \(id)") }
        return job
    }

    /// All that an operator can see of a job.
    static func shown(_ job: KitJob) -> String { "\(job) \(job.argsText) \(job.outputText) \(job.progressText) \(job.errors)" }
}

private func withPost(_ sender: (any MailSender)? = nil, _ body: @Sendable (Post, isolated EventLoop) async throws -> Void) async throws {
    try await withServer { server, loop in
        let config = try await ScratchServer.database(migrations: projectRoot + "/Migrations", on: loop)
        let pool = PostgresPool(config, size: 2, name: "mail", on: loop)
        let fleet = try await KitFleet.start(on: loop)
        let smtp = await SMTPSender(server.settings("starttls", .starttls))
        let seal = try #require(Seal(key: Secret.bytes(Seal.keyBytes)))
        let from = try MailAddress("Heliograph <no-reply@heliograph.example>")
        fleet.register(on: loop) { MailWorker(pool, sender: sender ?? smtp, from: from, seal: seal, now: { fleet.now }).register($0, on: loop) }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(Post(server, pool, fleet, seal), loop))
        } catch {
            result = .failure(error)
        }
        await fleet.stop(on: loop)
        await smtp.stop()
        await pool.close(on: loop)
        try result.get()
    }
}

/// Does something of its own in the place of a mail server.
private struct Interceptor: MailSender {
    let place = "nowhere"
    let body: @Sendable (Envelope) async -> MailResult
    func send(_ mail: Envelope) async -> MailResult { await body(mail) }
    func stop() async {}
}

@Suite(.timeLimit(.minutes(2))) struct WorkerTests {
    @Test(arguments: [("registration", "zh", "Heliograph 注册验证码"), ("password_reset", "en", "Your Heliograph password reset code")])
    func aCodeIsMailedOnceAndForgotten(_ purpose: String, _ locale: String, _ subject: String) async throws {
        try await withPost { post, loop in
            try await post.ask("ok@b.example", purpose)
            let args: JSONValue = ["email": "ok@b.example", "purpose": .string(purpose), "locale": .string(locale)]
            let job = try await post.send("mail.verification", args, on: loop)
            #expect(job.state == .completed && job.attempt == 1)
            try await eventually("the mail", on: loop) { post.server.mails.count == 1 }
            let mail = try #require(post.server.mails.last?["mail"])
            #expect(mail["fields"]?["Subject"]?.string == subject && mail["fields"]?["To"] == "ok@b.example")
            #expect(mail["text"]?.string?.contains(Post.code) == true && mail["html"]?.string?.contains(">\(Post.code)<") == true)
            #expect(mail["defects"] == [])
            let output = try JSONValue.parse(job.output)
            #expect(output["sent"] == mail["fields"]?["Message-ID"])
            let left = try await post.sealed("ok@b.example")
            #expect(left == nil)
            #expect(!Post.shown(job).contains(Post.code))

            let again = try await post.send("mail.verification", args, on: loop)
            #expect(again.state == .completed && again.outputText == #"{"skipped":"the code is sent"}"#)
            #expect(post.server.mails.count == 1)
        }
    }

    @Test func aCodeThatIsNotWantedAnyMoreIsNotMailed() async throws {
        try await withPost { post, loop in
            let args: JSONValue = ["email": "ok@b.example", "purpose": "registration"]
            var said = [try await post.send("mail.verification", args, on: loop)]
            try await post.ask("ok@b.example")
            _ = try await post.pool.query("UPDATE heliograph.verification_code SET verified_at = now()")
            said.append(try await post.send("mail.verification", args, on: loop))
            _ = try await post.pool.query("UPDATE heliograph.verification_code SET verified_at = NULL")
            try await post.fleet.advance(by: .minutes(10), on: loop)
            said.append(try await post.send("mail.verification", args, on: loop))
            #expect(said.map(\.outputText) == ["there is no code", "the code is used", "the code has expired"].map { "{\"skipped\":\"\($0)\"}" })
            #expect(said.allSatisfy { $0.state == .completed } && post.server.mails.isEmpty)
        }
    }

    @Test func aRefusalDiscardsWithTheReasonAndWithoutTheCode() async throws {
        try await withPost { post, loop in
            for (to, reason) in [
                ("nobody", "refused by the mail server: 550 5.1.1 nobody of this name"),
                ("quote", "refused by the mail server: 554 5.7.1 spam: ****** or ******"),
                ("not-ascii-用户", "a mail address must be local@domain in ASCII, without quotes or spaces"),
            ] {
                try await post.ask("\(to)@b.example")
                let job = try await post.send("mail.verification", ["email": .string("\(to)@b.example"), "purpose": "registration"], on: loop)
                #expect(job.state == .discarded && job.errors.map(\.error) == [reason])
                #expect(!Post.shown(job).contains(Post.code))
            }
            #expect(post.server.mails.isEmpty)
        }
    }

    @Test func whatIsPutOffIsTriedAgain() async throws {
        try await withPost { post, loop in
            try await post.ask("once@b.example")
            let job = try await post.send("mail.verification", ["email": "once@b.example", "purpose": "registration"], on: loop)
            #expect(job.state == .retryable && job.errors.map(\.error) == ["put off by the mail server: 451 4.3.2 come back later"])
            try await post.fleet.advance(by: .seconds(6), on: loop)
            let later = try post.job(job.id)
            #expect(later.state == .completed && later.attempt == 2)
            try await eventually("the mail", on: loop) { post.server.mails.count == 1 }
        }
    }

    @Test func aCodeIsTriedNoLongerThanItIsGood() async throws {
        try await withPost { post, loop in
            try await post.ask("busy@b.example", minutes: 4)
            let job = try await post.send("mail.verification", ["email": "busy@b.example", "purpose": "registration"], on: loop)
            try await post.fleet.advance(by: .minutes(30), on: loop)
            let later = try post.job(job.id)
            #expect(later.state == .discarded)
            // At 0, 5, 25 and 105 s; the next one, at 255 s, would be too late.
            #expect(later.errors.count == 4)
            #expect(later.errors.last?.error == "put off by the mail server: 451 4.3.2 come back later; the code expires before another attempt")
            let last = try #require(later.errors.last?.at)
            #expect(last < KitClock.usualStart.adding(.minutes(4)))
        }
    }

    @Test func unreadableArgumentsAndForeignSealsAreToldApart() async throws {
        try await withPost { post, loop in
            let bad: [JSONValue] = [[:], ["email": 1, "purpose": "registration"], ["email": "a@b.c", "purpose": "login"], ["email": "a@b.c"]]
            for args in bad {
                let run = await post.fleet.run("mail.verification", args: args, on: loop)
                #expect(run?.failure?.isRetryable == false)
            }
            for args: JSONValue in [[:], ["event": "x"], ["event": "123e4567-e89b-12d3-a456-42661417400g"], ["event": 5]] {
                let run = await post.fleet.run("mail.alert", args: args, on: loop)
                #expect(run?.failure?.message == #"args must be {"event": uuid}"# && run?.failure?.isRetryable == false)
            }
            // Sealed for another purpose: as good as another key.
            try await post.ask("ok@b.example")
            _ = try await post.pool.query("UPDATE heliograph.verification_code SET purpose = 'password_reset'")
            let run = await post.fleet.run("mail.verification", args: ["email": "ok@b.example", "purpose": "password_reset"], on: loop)
            #expect(run?.failure?.message == "the code cannot be opened: it was sealed with another key" && run?.failure?.isRetryable == true)
            #expect(post.server.mails.isEmpty)
        }
    }

    @Test func aCodeAskedForMeanwhileStays() async throws {
        let box = Mailbox()
        try await withPost(Interceptor { await box.take($0) }) { post, loop in
            try await post.ask("ok@b.example")
            let id = try await post.fleet.enqueue("mail.verification", ["email": "ok@b.example", "purpose": "registration"], on: loop).id
            try await eventually("the first mail", on: loop) { await box.count == 1 }
            try await post.ask("ok@b.example", code: "123456")
            await box.open()
            try await post.fleet.drain(on: loop)
            let left = try await post.sealed("ok@b.example")
            #expect(try post.job(id).state == .completed && left != nil)
        }
    }

    @Test func aMailThatIsSentEndsItsJobEvenWhenTheJobIsCancelled() async throws {
        let box = Mailbox()
        try await withPost(Interceptor { await box.take($0) }) { post, loop in
            try await post.ask("ok@b.example")
            let id = try await post.fleet.enqueue("mail.verification", ["email": "ok@b.example", "purpose": "registration"], on: loop).id
            try await eventually("the mail", on: loop) { await box.count == 1 }
            await post.fleet.cancel(id, on: loop)
            await box.open()
            try await post.fleet.drain(on: loop)
            let left = try await post.sealed("ok@b.example")
            #expect(try post.job(id).state == .completed && left == nil)
        }
    }

    @Test func theSameMailSentAgainHasTheSameName() async throws {
        let box = Mailbox()
        await box.open()
        try await withPost(Interceptor { await box.take($0) }) { post, loop in
            try await post.ask("ok@b.example")
            let sealed = try await post.sealed("ok@b.example")
            for _ in 0..<2 {
                _ = try await post.pool.query("UPDATE heliograph.verification_code SET sealed = $1", Parameters(sealed))
                _ = try await post.send("mail.verification", ["email": "ok@b.example", "purpose": "registration"], on: loop)
            }
            try await post.ask("ok@b.example")
            _ = try await post.send("mail.verification", ["email": "ok@b.example", "purpose": "registration"], on: loop)
            let ids = await box.mails.map { ReadMessage($0.message)["Message-ID"] }
            #expect(ids.count == 3 && ids[0] == ids[1] && ids[1] != ids[2])
        }
    }
}

/// Takes mails, and answers once it is opened.
private actor Mailbox {
    private(set) var mails: [Envelope] = []
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    var count: Int { mails.count }

    func take(_ mail: Envelope) async -> MailResult {
        mails.append(mail)
        if !isOpen { await withCheckedContinuation { waiting.append($0) } }
        return .sent
    }

    func open() {
        isOpen = true
        for one in waiting { one.resume() }
        waiting = []
    }
}

@Suite(.timeLimit(.minutes(2))) struct AlertMailTests {
    private static let event = "123e4567-e89b-12d3-a456-426614174000"

    private func prepare(_ post: Post, email: String?, metadata: String, name: String) async throws {
        let insert = Statement(
            """
            WITH a AS (
                INSERT INTO heliograph.account (username, password_hash, email, metadata) VALUES ('owner', 'x', $1, $2) RETURNING number
            ), d AS (
                INSERT INTO heliograph.device (owner, name, device_type, api_key_hash, api_key_prefix) SELECT number, $3, 't', sha256('k'), 'p' FROM a RETURNING number
            )
            INSERT INTO heliograph.alert_event (id, device, rule, alert_type, level, message, value, threshold, triggered_at)
            SELECT '\(Self.event)', number, gen_random_uuid(), 'low_battery', 'warning', '设备电量低: 15%', 15, 20, '2026-01-01 02:00:00Z' FROM d
            """)
        let parameters = Parameters { p in
            p.append(email)
            p.appendJSON(Array(metadata.utf8))
            p.append(name)
        }
        _ = try await post.pool.query(insert, parameters)
    }

    @Test(arguments: [
        (#"{}"#, "客厅", "[警告] 客厅：设备电量低: 15%", "时间：2026-01-01 10:00:00 (UTC+08:00)"),
        (#"{"locale": "en"}"#, "Shed <1>", "[warning] Shed <1>: Battery low: 15 %", "Time: 2026-01-01 10:00:00 (UTC+08:00)"),
        (#"{"locale": 7}"#, "a\r\nBcc: x@y.z", "[警告] a  Bcc: x@y.z：设备电量低: 15%", "设备：a  Bcc: x@y.z"),
    ]) func theOwnerIsToldInTheirLanguage(_ metadata: String, _ name: String, _ subject: String, _ line: String) async throws {
        try await withPost { post, loop in
            try await prepare(post, email: "ok@b.example", metadata: metadata, name: name)
            let job = try await post.send("mail.alert", ["event": .string(Self.event.uppercased())], on: loop)
            #expect(job.state == .completed && job.outputText == #"{"sent":"<alert.\#(Self.event)@heliograph.example>"}"#)
            try await eventually("the mail", on: loop) { post.server.mails.count == 1 }
            let mail = try #require(post.server.mails.last?["mail"])
            #expect(mail["fields"]?["Subject"]?.string == subject && mail["fields"]?["Bcc"] == nil)
            #expect(mail["text"]?.string?.contains(line) == true && mail["defects"] == [])
            #expect(mail["html"]?.string?.contains("<1>") == false)
        }
    }

    @Test func whoHasNoAddressIsNotWrittenTo() async throws {
        try await withPost { post, loop in
            let absent = try await post.send("mail.alert", ["event": .string(Self.event)], on: loop)
            #expect(absent.outputText == #"{"skipped":"there is no such event"}"#)
            try await prepare(post, email: nil, metadata: "{}", name: "d")
            var said: [String] = []
            for change in [
                "SELECT", "UPDATE heliograph.account SET email = 'ok@b.example', is_active = false", "UPDATE heliograph.device SET owner = NULL",
            ] {
                _ = try await post.pool.query(Statement(change))
                said.append(try await post.send("mail.alert", ["event": .string(Self.event)], on: loop).outputText)
            }
            let isSkipped = said.allSatisfy { $0 == #"{"skipped":"its device has no owner with an address"}"# }
            #expect(isSkipped && post.server.mails.isEmpty)
        }
    }

    @Test func alertsAreTriedForAnHour() async throws {
        try await withPost { post, loop in
            try await prepare(post, email: "busy@b.example", metadata: "{}", name: "d")
            let job = try await post.send("mail.alert", ["event": .string(Self.event)], on: loop)
            try await post.fleet.advance(by: .hours(3), on: loop)
            let later = try post.job(job.id)
            #expect(later.state == .discarded && later.attempt == 9)
            let took = try #require(later.errors.last?.at).seconds(since: KitClock.usualStart)
            #expect((3_000...4_000).contains(took))
        }
    }
}
