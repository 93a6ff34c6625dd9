import Bytes
import CLinux
import Glibc
import Reactor
import TestSupport
import Testing

@testable import Workers

@Suite(.timeLimit(.minutes(2))) struct SenderTests {
    static let from = "no-reply@heliograph.example"

    static func envelope(_ to: String, subject: String = "测试 subject", text: String = "正文\n.\n..\nend", html: String = "<p>正文</p>") throws -> Envelope {
        let message = MailMessage(
            from: try MailAddress(name: "日光仪", address: from), to: try MailAddress(address: to), id: "test.1", date: Timestamp(seconds: 1_767_225_600),
            content: MailContent(subject: subject, text: text, html: html))
        return Envelope(from: from, to: to, message: try message.bytes())
    }

    private func result(_ settings: SMTPSettings, _ to: String) async throws -> MailResult {
        let sender = await SMTPSender(settings)
        let result = await sender.send(try Self.envelope(to))
        await sender.stop()
        return result
    }

    @Test func aMailArrivesAsItWasWritten() async throws {
        try await withServer { server, loop in
            let cases: [(String, SMTPSettings.Security, login: Bool)] = [
                ("plain", .none, false), ("starttls", .starttls, false), ("must_auth", .starttls, true), ("tls", .tls, false), ("tls", .tls, true),
                ("plain", .none, true),
            ]
            for (port, security, login) in cases {
                let before = server.mails.count
                let result = try await result(server.settings(port, security, login: login), "ok@b.example")
                #expect(result == .sent, "\(port)")
                try await eventually("the mail", on: loop) { server.mails.count > before }
                let got = try #require(server.mails.last)
                #expect(got["is_tls"]?.bool == (security != .none))
                #expect(got["user"]?.string == (login ? SMTPServer.username : nil))
                #expect(got["helo"] == "heliograph.example" && got["sender"]?.string == Self.from && got["to"] == ["ok@b.example"])
                let mail = try #require(got["mail"])
                #expect(mail["defects"] == [] && mail["is_ascii"] == true && mail["bare"] == 0)
                #expect((mail["longest"]?.int ?? 999) <= 76)
                #expect(mail["fields"]?["Subject"] == "测试 subject" && mail["fields"]?["From"]?.string == "日光仪 <\(Self.from)>")
                #expect(mail["text"] == "正文\n.\n..\nend\n" && mail["html"] == "<p>正文</p>\n")
            }
        }
    }

    @Test func everyTextOfTheTablesArrives() async throws {
        try await withServer { server, loop in
            let sender = await SMTPSender(server.settings("plain", .none))
            for subject in ComposingTests.texts {
                for body in ComposingTests.bodies where subject == ComposingTests.texts[3] || body == ComposingTests.bodies[1] {
                    let before = server.mails.count
                    let result = await sender.send(try Self.envelope("ok@b.example", subject: subject, text: body))
                    #expect(result == .sent)
                    try await eventually("the mail", on: loop) { server.mails.count > before }
                    let mail = try #require(server.mails.last?["mail"])
                    #expect(mail["defects"] == [])
                    #expect(mail["fields"]?["Subject"]?.string == subject)
                    var lines = body.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
                    if lines.unicodeScalars.last != "\n", !lines.isEmpty { lines += "\n" }
                    let text = mail["text"]?.string
                    #expect(text == lines)
                }
            }
            let peers = Set(server.mails.compactMap { $0["peer"]?.int })
            #expect(peers.count == 1, "one connection for all")
            await sender.stop()
        }
    }

    @Test func serversThatRefuseAreToldApart() async throws {
        try await withServer { server, _ in
            let plain = server.settings("plain", .none)
            let cases: [(SMTPSettings, String, MailResult)] = [
                (plain, "nobody@b.example", .permanent(code: 550, text: "5.1.1 nobody of this name")),
                (plain, "many-lines@b.example", .permanent(code: 550, text: "5.7.1 not 5.7.1 from 5.7.1 you")),
                (plain, "busy@b.example", .temporary(code: 451, reason: "4.3.2 come back later")),
                (plain, "full@b.example", .temporary(code: 452, reason: "4.3.1 no room")),
                (server.settings("closed", .none), "ok@b.example", .permanent(code: 554, text: "closed for today")),
                (server.settings("must_auth", .starttls), "ok@b.example", .permanent(code: 530, text: "5.7.0 Authentication required")),
            ]
            for (settings, to, expected) in cases {
                let result = try await result(settings, to)
                #expect(result == expected, "\(to)")
            }
            var wrong = server.settings("must_auth", .starttls, login: true)
            wrong.password = "guess"
            let result = try await result(wrong, "ok@b.example")
            guard case .permanent(535, _) = result else {
                Issue.record("a wrong password: \(result)")
                return
            }
        }
    }

    @Test func whatMayBeBetterLaterIsTemporary() async throws {
        try await withServer { server, _ in
            var nowhere = server.settings("plain", .none, timeoutMs: 2_000)
            nowhere.host = "no-such-host.invalid"
            let cases: [(String, SMTPSettings, String, about: String)] = [
                ("refused", server.settings("refused", .starttls), "ok@b.example", "connect"),
                ("no such name", nowhere, "ok@b.example", ""),
                ("hangs up", server.settings("hangs_up", .none), "ok@b.example", ""),
                ("babbles", server.settings("babble", .none), "ok@b.example", ""),
                ("silent", server.settings("silent", .none, timeoutMs: 300), "ok@b.example", "time"),
                ("silent TLS", server.settings("silent", .tls, timeoutMs: 300), "ok@b.example", ""),
                ("stalls", server.settings("plain", .none, timeoutMs: 500), "stall@b.example", "time"),
                ("drops", server.settings("plain", .none), "drop@b.example", ""),
                ("no STARTTLS", server.settings("plain", .starttls), "ok@b.example", ""),
                ("a stranger's certificate", server.settings("stranger", .tls), "ok@b.example", "certificate"),
                ("another name", server.settings("tls", .tls, host: "127.0.0.1"), "ok@b.example", "certificate"),
                ("not in our authorities", server.settings("starttls", .starttls, ca: "stranger"), "ok@b.example", "certificate"),
                ("no such file", server.settings("starttls", .starttls, ca: "absent"), "ok@b.example", ""),
            ]
            for (what, settings, to, about) in cases {
                let started = Clock.monotonicNs
                let result = try await result(settings, to)
                guard case .temporary(nil, let reason) = result else {
                    Issue.record("\(what): \(result)")
                    continue
                }
                let isAbout = reason.contains(about) && reason.hasPrefix("\(settings.host):\(settings.port): ")
                #expect(isAbout, "\(what): \(reason)")
                let tookS = Double(Clock.monotonicNs - started) / 1e9
                #expect(tookS < 8, "\(what)")
            }
            #expect(server.mails.isEmpty)
        }
    }

    @Test func aConnectionThatWasDroppedMeanwhileIsMadeAnew() async throws {
        try await withServer { server, loop in
            let sender = await SMTPSender(server.settings("plain", .none))
            for (to, expected) in [("ok", MailResult.sent), ("drop", nil), ("ok", .sent), ("nobody", nil), ("ok", .sent), ("once", nil), ("once", .sent)] {
                let result = await sender.send(try Self.envelope("\(to)@b.example"))
                if let expected { #expect(result == expected, "\(to)") } else { #expect(result != .sent, "\(to)") }
            }
            try await eventually("four mails", on: loop) { server.mails.count == 4 }
            await sender.stop()
        }
    }

    @Test func aCancelledMailEndsAtOnceAndHoldsNobodyUp() async throws {
        try await withServer { server, loop in
            let sender = await SMTPSender(server.settings("plain", .none, timeoutMs: 15_000))
            let stalled = try Self.envelope("stall@b.example")
            var results: [MailResult] = []
            let task = loop.spawn { results.append(await sender.send(stalled)) }
            let waiting = loop.spawn { results.append(await sender.send(stalled)) }
            // The loop goes on meanwhile, or this would not be seen.
            try await eventually("the stall", on: loop) { server.said.contains { $0["stalled"] == true } }
            let started = Clock.monotonicNs
            waiting.cancel()
            task.cancel()
            try await eventually("the ends", on: loop) { results.count == 2 }
            #expect(results == [.cancelled, .cancelled])
            #expect(Double(Clock.monotonicNs - started) / 1e9 < 5)
            let result = await sender.send(try Self.envelope("ok@b.example"))
            #expect(result == .sent)
            await sender.stop()
        }
    }

    @Test func filesAreWholeAndTheOwnersOnly() async throws {
        let directory = try temporaryDirectory("/tmp/heliograph-mail-")
        let sender = FileSender(directory: directory)
        let envelope = try Self.envelope("ok@b.example")
        for _ in 0..<3 {
            let result = await sender.send(envelope)
            #expect(result == .sent)
        }
        let found = names(in: directory)
        #expect(found.count == 3 && found.allSatisfy { $0.hasSuffix(".eml") })
        for name in found {
            var status = stat()
            stat("\(directory)/\(name)", &status)
            #expect(status.st_mode & 0o777 == 0o600)
            let bytes = contents(of: "\(directory)/\(name)")
            #expect(bytes == envelope.message)
            unlink("\(directory)/\(name)")
        }
        rmdir(directory)
        let failed = await sender.send(envelope)
        guard case .temporary(nil, let reason) = failed, reason.contains("No such file") else {
            Issue.record("without its directory: \(failed)")
            return
        }
        await sender.stop()
    }
}
