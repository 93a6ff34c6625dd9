import Postgres
import Reactor
import Testing

@Suite struct ListenerTests {
    @Test func notificationsArriveInOrderAndAgainAfterALostConnection() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let heard = Inbox<String>()
            let ready = Inbox<Int>()
            let listener = PostgresListener(
                pool.config, channels: ["jobs", "Odd \"name\""], on: loop, onReconnect: { ready.post(1) },
                onNotify: { channel, payload in heard.post("\(channel)=\(payload)") })
            await ready.wait(for: 1)
            #expect(listener.isListening)
            try await pool.batch([("SELECT pg_notify('jobs', 'a')", Parameters()), ("SELECT pg_notify('jobs', 'b')", Parameters())])
            try await pool.simple("NOTIFY \"Odd \"\"name\"\"\"; NOTIFY other, 'not heard'")
            await heard.wait(for: 3)
            let pid = try await pool.query("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND starts_with(query, 'LISTEN')").int(0, 0)
            try await pool.terminate(pid)
            await ready.wait(for: 2)
            #expect(listener.losses == 1)
            try await pool.simple("NOTIFY jobs, 'c'")
            await heard.wait(for: 4)
            #expect(heard.values == ["jobs=a", "jobs=b", "Odd \"name\"=", "jobs=c"])
            listener.close()
            #expect(!listener.isListening)
        }
    }
}
