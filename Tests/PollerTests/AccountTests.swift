import Bytes
import Postgres
import Reactor
import Simulation
import TestSupport
import Testing

@testable import Workers

@Suite(.serialized, .timeLimit(.minutes(3))) struct AccountTests {
    private static func stored(_ world: PollerWorld) async throws -> TokenStore.Row {
        let number = try await world.run("SELECT number FROM heliograph.vehicle_account").int64(0, 0)
        let row = try await world.store.read(number)
        return try #require(row)
    }

    @Test func `tokens are renewed at three quarters of their life, stored before they are used, and sealed`() async throws {
        try await PollerWorld.run { world, loop in
            let number = try await world.login()
            try await world.run(
                """
                UPDATE heliograph.vehicle_account SET tokens_at = now() - interval '6 hours 10 minutes', access_expires_at = now() + interval '1 hour 50 minutes'
                """)
            world.car()
            let before = try await Self.stored(world)
            let poller = try world.poller(on: loop)
            try await eventually("a renewal", on: loop) { world.cloud.tokens.refreshes == 1 }
            try await eventually("it is stored", on: loop) { try await Self.stored(world).rotation == before.rotation + 1 }
            let after = try await Self.stored(world)
            #expect(after.tokens?.refresh != before.tokens?.refresh)
            let expires = try #require(after.expiresAt)
            #expect(abs(expires.seconds(since: world.cloud.clock.now) - 28_800) < 60)
            #expect(try await world.int("SELECT position('cn-'::bytea IN tokens) FROM heliograph.vehicle_account") == 0)
            try await eventually("polls with them", on: loop) { world.cloud.counters.requests(.vehicleData) + world.cloud.counters.requests(.vehicle) > 0 }
            #expect(world.cloud.tokens.refreshes == 1)
            #expect(poller.parts.accounts[number]?.rotation == after.rotation)
        }
    }

    @Test func `a refused token is renewed once, whatever the number of cars that hear of it`() async throws {
        try await PollerWorld.run { world, loop in
            try await world.login()
            for _ in 0..<30 { world.car() }
            world.options.onlineSeconds = 0.2
            let poller = try world.poller(on: loop)
            try await eventually("polls", on: loop) { world.cloud.counters.requests(.vehicleData) > 60 }
            #expect(world.cloud.tokens.refreshes == 0)
            world.cloud.revoke(world.account)
            try await eventually("a renewal", on: loop) { world.cloud.tokens.refreshes > 0 }
            let asked = world.cloud.counters.requests(.vehicleData)
            try await eventually("polls go on", on: loop) { world.cloud.counters.requests(.vehicleData) > asked + 90 }
            #expect(world.cloud.tokens.refreshes == 1)
            #expect(poller.parts.accounts.all.values.allSatisfy { $0.fault == nil })
        }
    }

    @Test func `two pollers never use up one refresh token twice`() async throws {
        try await PollerWorld.run { world, loop in
            try await world.login()
            for _ in 0..<10 { world.car() }
            world.options.onlineSeconds = 0.2
            let pollers = [try world.poller(on: loop), try world.poller(on: loop)]
            try await eventually("both poll", on: loop) { pollers.allSatisfy { $0.counters.answers > 3 } }
            for round in 1...3 {
                world.cloud.revoke(world.account)
                let answers = pollers.map(\.counters.answers)
                try await eventually("a renewal", on: loop) { world.cloud.tokens.refreshes == round }
                try await eventually("both go on", on: loop) { zip(pollers, answers).allSatisfy { $0.counters.answers > $1 + 20 } }
            }
            #expect(world.cloud.counters.refusedRefreshes == 0)
            #expect(world.cloud.tokens.refreshes == 3)
        }
    }

    @Test func `new tokens outlive a connection that breaks before they are committed`() async throws {
        try await PollerWorld.run { world, loop in
            let number = try await world.login()
            let fresh = TokenPair(access: "cn-new", refresh: "cn-next")
            // The token service: while it answers, the database loses the transaction that waits for it.
            let pool = world.pool
            let server = try ScriptedServer(on: loop) { c in
                while await c.request() != nil {
                    do {
                        try await pool.query(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()")
                    } catch {
                        Issue.record("\(error)")
                    }
                    c.answer(200, #"{"access_token":"cn-new","refresh_token":"cn-next","expires_in":28800,"token_type":"Bearer"}"#)
                }
            }
            world.options.authURL = "http://127.0.0.1:\(server.port)"
            // Nobody there who could refuse them.
            world.options.apiURL = "http://127.0.0.1:1"
            try await world.run("UPDATE heliograph.vehicle_account SET access_expires_at = now()")
            let poller = try world.poller(on: loop)
            try await eventually("they are stored", on: loop) { try await Self.stored(world).tokens == fresh }
            try await eventually("they are used", on: loop) { poller.parts.accounts[number]?.tokens == fresh }
            #expect(try await Self.stored(world).rotation == 2)
            #expect(server.conversations.count == 1)
            await world.stop(poller, on: loop)
            server.stop(on: loop)
        }
    }

    @Test func `a token service that fails is left alone for a while`() async throws {
        try await PollerWorld.run { world, loop in
            let number = try await world.login()
            for _ in 0..<20 { world.car() }
            world.options.onlineSeconds = 0.1
            world.options.backoffInitialSeconds = 0.05
            world.options.backoffMaxSeconds = 0.1
            let poller = try world.poller(on: loop)
            try await eventually("polls", on: loop) { world.cloud.counters.requests(.vehicleData) > 40 }
            world.cloud.faults.add(.status(503), endpoint: .token, times: nil)
            world.cloud.revoke(world.account)
            try await eventually("a refusal", on: loop) { world.cloud.counters.requests(.token) == 1 }
            // What was refused is not shown again.
            await loop.sleep(ns: 500_000_000)
            #expect((1...20).contains(world.cloud.counters.answers(status: 401)))
            #expect(world.cloud.counters.requests(.token) == 1)
            #expect(poller.parts.accounts[number]?.fault == nil)
            try await eventually("it shows", on: loop) { world.view(1)?["healthy"] == false }
            await world.stop(poller, on: loop)
        }
    }

    @Test func `a refresh token that is worth nothing signs the account out, and a log-in brings it back`() async throws {
        try await PollerWorld.run { world, loop in
            let number = try await world.login()
            world.car()
            world.options.onlineSeconds = 0.1
            let poller = try world.poller(on: loop)
            try await eventually("polls", on: loop) { world.cloud.counters.requests(.vehicleData) > 2 }
            world.cloud.revoke(world.account, refreshToo: true)
            try await eventually("signed out", on: loop) { try await world.text("SELECT fault FROM heliograph.vehicle_account") != nil }
            try await eventually("it shows", on: loop) { world.view(1)?["healthy"] == false }
            let asked = world.cloud.counters.requests(.vehicleData)
            await loop.sleep(ns: 400_000_000)
            #expect(world.cloud.counters.requests(.vehicleData) == asked, "nothing is asked any more")
            #expect(world.cloud.counters.requests(.token) == 1)
            // Somebody logs in again: another account of the service here, to which the car now belongs.
            let (other, grant) = world.cloud.addAccount()
            let second = world.cloud.add(Timeline(.model3, PollerWorld.still, start: world.cloud.clock.now, place: PollerWorld.home), to: other)
            try await world.login("mine", TokenPair(access: grant.access, refresh: grant.refresh))
            try await eventually("the other's cars", on: loop) {
                _ = try await world.number(second)
                return world.cloud.counters.requests(.products) > 1
            }
            #expect(poller.parts.accounts[number]?.fault == nil)
        }
    }

    @Test func `a service that refuses one new token after the other signs the account out`() async throws {
        try await PollerWorld.run { world, loop in
            try await world.login()
            for _ in 0..<5 { world.car() }
            world.options.onlineSeconds = 0.05
            world.options.backoffInitialSeconds = 0.05
            world.options.backoffMaxSeconds = 0.05
            _ = try world.poller(on: loop)
            try await eventually("polls", on: loop) { world.cloud.counters.requests(.vehicleData) > 10 }
            world.cloud.faults.add(.unauthorized, times: nil)
            try await eventually("signed out", on: loop) { try await world.text("SELECT fault FROM heliograph.vehicle_account") != nil }
            #expect(world.cloud.tokens.refreshes == VehicleAccount.mostRefusals)
            #expect(try await world.text("SELECT fault FROM heliograph.vehicle_account")?.contains("refused") == true)
        }
    }

    @Test func `a token file becomes an account once`() async throws {
        try await PollerWorld.run { world, loop in
            let folder = try temporaryDirectory("/tmp/heliograph-tokens-")
            defer { removeTree(folder) }
            let path = "\(folder)/tokens.json"
            let pair = TokenPair(access: world.grant.access, refresh: world.grant.refresh)
            try write(pair.json, to: path)
            world.options.tokenFile = path
            let car = world.car()
            let poller = try world.poller(on: loop)
            try await eventually("its car", on: loop) { try await world.number(car) != nil }
            // Of tokens whose life nobody knows the first thing is a renewal.
            try await eventually("renewed", on: loop) { world.cloud.tokens.refreshes == 1 }
            try await eventually("stored", on: loop) { try await Self.stored(world).tokens != pair }
            await world.stop(poller, on: loop)
            let stored = try await Self.stored(world)
            let again = try world.poller(on: loop)
            try await eventually("it runs", on: loop) { again.carCount == 1 }
            #expect(try await Self.stored(world).tokens == stored.tokens)
            #expect(try await world.int("SELECT count(*) FROM heliograph.vehicle_account") == 1)
        }
    }
}
