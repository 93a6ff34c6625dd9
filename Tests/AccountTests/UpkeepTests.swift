import Postgres
import Reactor
import TestSupport
import Testing
import Workers

@Suite(.timeLimit(.minutes(2))) struct UpkeepTests {
    @Test func `sessions, tokens and codes go when their time is over, and no sooner`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let client = try await api.client("anna", on: loop)
            _ = try await api.logIn("anna", on: loop)
            try await api.askCode("old@example.com", on: loop)
            try await api.age(codes: 3_601, on: loop)
            try await api.askCode("young@example.com", on: loop)
            let next = try TestAPI.client(try await api.refresh(client.refresh, on: loop))
            try await api.sql(
                """
                UPDATE heliograph.refresh_token SET created_at = now() - interval '8 days' WHERE used_at IS NOT NULL;
                UPDATE heliograph.session SET expires_at = now() - interval '1 s' WHERE refreshed_at = created_at;
                """, on: loop)
            let task = AccountsTask()
            let turn = UpkeepTurn(pool: api.pool, counters: UpkeepCounters()) { true }
            try await task.run(turn)
            let counts = try await api.pool.query(
                """
                SELECT (SELECT count(*) FROM heliograph.session), (SELECT count(*) FROM heliograph.refresh_token),
                    (SELECT string_agg(email, ',') FROM heliograph.verification_code)
                """)
            #expect(try counts.int(0, 0) == 1)
            #expect(try counts.int(0, 1) == 1)
            #expect(try counts.string(0, 2) == "young@example.com")
            #expect(try await api.refresh(next.refresh, on: loop).status == 200)
        }
    }
}
