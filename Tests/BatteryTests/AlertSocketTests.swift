import Bytes
import HTTP
import Reactor
import TestSupport
import Testing

@testable import API

/// Alerts over WebSocket, to those who may see the device.
@Suite(.timeLimit(.minutes(2))) struct AlertSocketTests {
    @Test func `an alert goes to the owner and to whom the device is shared with, and to nobody else`() async throws {
        try await withBattery { world, loop in
            try await world.rule("low_battery", cooldown: 1)
            let one = try await world.device(1)
            let two = try await world.device(2)
            let token = try await world.accessToken("owner")
            let owner = try await TestSocket(port: world.api.port, "/api/ws?topics=alerts.*", [("Authorization", "Bearer \(token)")], on: loop)
            let friend = try await TestSocket(port: world.api.port, "/api/ws?access_token=\(try await world.accessToken("friend"))&topics=alerts.*", on: loop)
            let stranger = try await TestSocket(
                port: world.api.port, "/api/ws?access_token=\(try await world.accessToken("stranger"))&topics=alerts.\(one),*", on: loop)
            let nobody = try await TestSocket(port: world.api.port, "/api/ws?topics=*", on: loop)
            for socket in [owner, friend, stranger, nobody] { _ = try await socket.subscribe("charging.none") }

            #expect(try await world.report(BatteryWorld.row(15, minute: 0), key: "zk_2", on: loop).status == 200)
            #expect(try await world.report(BatteryWorld.row(14, minute: 0), key: "zk_1", on: loop).status == 200)
            #expect(try await world.report(BatteryWorld.row(50, minute: 1), key: "zk_1", on: loop).status == 200)
            var heard: [JSONValue] = []
            for _ in 0..<3 { heard.append(try JSONValue.parse(Array(try #require(try await owner.next()).utf8))) }
            let text = heard.map { "\($0["topic"]?.string ?? "") \($0["event"]?.string ?? "") \($0["status"]?.string ?? "")" }
            #expect(Set(text) == ["alerts.\(two) triggered active", "alerts.\(one) triggered active", "alerts.\(one) resolved resolved"])
            let first = try #require(heard.first { $0["device_id"]?.string == two })
            #expect(first["alert_type"] == "low_battery")
            #expect(first["value"] == 15.0)
            #expect(first["threshold"] == 20.0)
            #expect(first["acknowledged_at"]?.isNull == true)
            #expect(try await friend.next()?.contains(#""event":"triggered""#) == true)
            #expect(try await friend.next()?.contains(#""event":"resolved""#) == true)

            // Nothing came to the others before the answer to this.
            for socket in [stranger, nobody] {
                let answer = try await socket.subscribe("charging.more")
                #expect(answer?.hasPrefix(#"{"subscribed""#) == true, "\(answer ?? "closed")")
            }
            for socket in [owner, friend, stranger, nobody] { socket.wire.end() }
        }
    }

    @Test func `alerts need an access token, at the handshake and later, and a good one`() async throws {
        try await withBattery { world, loop in
            let upgrade = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "BwcHBwcHBwcHBwcHBwcHBw==")]
            for topic in ["alerts.*", "alerts.x", "charging.*,alerts.*"] {
                #expect(
                    try await world.api.request("GET", "/api/ws?topics=\(topic)", upgrade + [("Connection", "Upgrade")], on: loop).status == 401, "\(topic)")
            }
            let open = try await TestSocket(port: world.api.port, "/api/ws?topics=charging.*", on: loop)
            #expect(try await open.subscribe("alerts.*")?.contains(#""code":"unauthorized""#) == true)
            open.wire.end()
            for token in ["a.b.c", "hga_x"] {
                let bad = try await TestSocket(port: world.api.port, "/api/ws?topics=alerts.*&access_token=\(token)", on: loop)
                #expect(try await bad.next() == nil)
                #expect(bad.closeCode == .policyViolation)
            }
        }
    }

    @Test func `a share that is taken back is heard no more, and who logs out is cut off`() async throws {
        try await withBattery { world, loop in
            try await world.rule("low_battery", cooldown: 1)
            let friend = try await TestSocket(port: world.api.port, "/api/ws?access_token=\(try await world.accessToken("friend"))&topics=alerts.*", on: loop)
            _ = try await friend.subscribe("charging.none")
            _ = try await world.sql("DELETE FROM heliograph.device_share")
            #expect(try await world.report(BatteryWorld.row(15, minute: 0), on: loop).status == 200)
            let answer = try await friend.subscribe("charging.more")
            #expect(answer?.hasPrefix(#"{"subscribed""#) == true)
            _ = try await world.sql("UPDATE heliograph.session SET revoked_at = now()")
            #expect(try await friend.next() == nil)
            #expect(friend.closeCode == .policyViolation)
        }
    }
}
