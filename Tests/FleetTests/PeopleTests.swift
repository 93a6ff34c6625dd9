import Bytes
import CLinux
import Reactor
import Simulation
import TestSupport
import Testing

/// One person's way through the whole system: real processes, a real mail server, a WebSocket.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PeopleTests {
    /// Asks and gives back the status and `data`.
    private static func ask(
        _ client: HTTPClient, _ method: String, _ path: String, _ body: String? = nil, _ headers: [(String, String)] = []
    ) async throws -> (status: Int, data: JSONValue) {
        let answer = try await client.send(method, path, headers: [("Content-Type", "application/json")] + headers, body: body.map { Array($0.utf8) })
        return (answer.status, answer.body.isEmpty ? .null : try JSONValue.parse(answer.body)["data"] ?? .null)
    }

    @Test func fromTheRegistrationToAnAlertThatIsAcknowledged() async throws {
        try await withServer { mails, loop in
            let data = try temporaryDirectory("/tmp/hgp-")
            defer { removeTree(data) }
            let child = try Child(
                ["up", "--port", "0", "--vehicle-port", "0", "--data", data, "--log", "error"],
                environment: [
                    "HELIOGRAPH_HOME": projectRoot, "HELIOGRAPH_REQUIRE_EMAIL_VERIFICATION": "on", "SMTP_HOST": "127.0.0.1", "SMTP_SECURITY": "none",
                    "SMTP_PORT": String(mails.port("plain")), "SMTP_FROM": "Heliograph <alerts@heliograph.example>",
                ], on: loop)
            try await child.waitFor("mail", on: loop)
            let url = child.text.split(separator: "\n").first { $0.contains("address") }?.split(separator: " ").last.map(String.init) ?? ""
            let address = try #require(HTTPAddress(url))
            let client = HTTPClient(address, on: loop)

            // The code comes by mail, and without it nobody registers.
            let person = #""email":"anna@example.org","username":"anna","password":"SecurePass123!","confirm_password":"SecurePass123!""#
            let early = try await Self.ask(client, "POST", "/api/v1/users/register", "{\(person)}")
            #expect(early.status == 400)
            let sent = try await Self.ask(client, "POST", "/api/v1/auth/verification/send", #"{"email":"anna@example.org","purpose":"registration"}"#)
            #expect(sent.status == 200 && sent.data["expires_in_minutes"]?.int == 10)
            try await eventually("the code", on: loop) { !mails.mails.isEmpty }
            #expect(mails.mails[0]["to"]?.array?.first?.string == "anna@example.org")
            let text = try #require(mails.mails[0]["mail"]?["text"]?.string)
            let code = try #require(text.split(whereSeparator: { !$0.isASCII || !$0.isNumber }).first { $0.count == 6 }.map(String.init))
            let verified = try await Self.ask(
                client, "POST", "/api/v1/auth/verification/verify", #"{"email":"anna@example.org","purpose":"registration","code":"\#(code)"}"#)
            #expect(verified.status == 200)
            let user = try await Self.ask(client, "POST", "/api/v1/users/register", "{\(person),\"verification_code\":\"\(code)\"}")
            #expect(user.status == 201 && user.data["username"]?.string == "anna")

            let login = try await Self.ask(client, "POST", "/api/v1/users/login", #"{"login":"anna@example.org","password":"SecurePass123!"}"#)
            let token = try #require(login.data["access_token"]?.string)
            let bearer = [("Authorization", "Bearer \(token)")]
            let made = try await Self.ask(client, "POST", "/api/v1/devices", #"{"name":"客厅传感器","device_type":"battery_sensor"}"#, bearer)
            #expect(made.status == 201)
            let key = try #require(made.data["api_key"]?.string)
            let id = try #require(made.data["device"]?["id"]?.string)
            let rule = try await Self.ask(
                client, "POST", "/api/v1/alerts/rules", #"{"name":"低电量预警","alert_type":"low_battery","level":"warning","notify_email":true}"#, bearer)
            #expect(rule.status == 201)

            let socket = try await TestSocket(port: address.port, "/api/ws?topics=alerts.*&access_token=\(token)", on: loop)
            try await eventually("the socket listens", on: loop) { socket.wire.isClosed == false }
            let report = try await Self.ask(
                client, "POST", "/api/v1/battery/report", #"{"battery_level":15,"is_charging":false,"temperature":28.5}"#, [("X-API-Key", key)])
            #expect(report.status == 200)
            let pushed = try JSONValue.parse(Array(try #require(try await socket.next()).utf8))
            #expect(pushed["device_id"]?.string == id && pushed["alert_type"]?.string == "low_battery" && pushed["status"]?.string == "active")
            #expect(pushed["message"]?.string == "设备电量低: 15%")
            try await eventually("the alert's mail", on: loop) { mails.mails.count == 2 }
            #expect(mails.mails[1]["mail"]?["fields"]?["Subject"]?.string?.contains("设备电量低: 15%") == true)

            let event = try #require(pushed["id"]?.string)
            let known = try await Self.ask(client, "POST", "/api/v1/alerts/events/\(event)/acknowledge", nil, bearer)
            #expect(known.status == 200 && known.data["status"]?.string == "acknowledged")
            let count = try await Self.ask(client, "GET", "/api/v1/alerts/devices/\(id)/count", nil, bearer)
            #expect(count.data["active_count"]?.int == 0)
            socket.wire.end()
            client.close()
            #expect(try await child.stop(on: loop) == 0)
        }
    }
}
