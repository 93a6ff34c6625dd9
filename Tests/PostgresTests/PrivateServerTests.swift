import CLinux
import Glibc
import Postgres
import Reactor
import Testing

@Suite(.serialized) struct PrivateServerTests {
    private static var options: PrivateServer.Options {
        var options = PrivateServer.Options()
        options.isDurable = false
        options.sharedBuffersMB = 16
        options.maxConnections = 20
        return options
    }

    private static func query(_ sql: String, _ config: PostgresConfig, on loop: isolated EventLoop) async throws -> Int {
        let pool = PostgresPool(config, size: 1, name: "test", on: loop)
        let answer: Result<Int, any Error>
        do { answer = .success(try await pool.query(Statement(sql)).int(0, 0)) } catch { answer = .failure(error) }
        await pool.close(on: loop)
        return try answer.get()
    }

    @Test func itsDataOutlivesStopsCrashesAndProcesses() async throws {
        try await withLoop { loop async throws in
            let folder = try Folder()
            // What an interrupted initdb leaves.
            try folder.makeDirectory("postgres.making")
            try folder.write("postgres.making/PG_VERSION", "15\n")

            var server: PrivateServer? = try await PrivateServer.start(data: folder.path, options: Self.options, on: loop)
            let config = try #require(server?.config)
            #expect(!folder.exists("postgres.making"))
            let pool = PostgresPool(config, size: 1, name: "test", on: loop)
            try await pool.simple("CREATE TABLE t (a int8); INSERT INTO t VALUES (7)")
            await pool.close(on: loop)

            // One at a time, with the holder's pid.
            let refused = await failure { try await PrivateServer.start(data: folder.path, options: Self.options, on: loop) }
            #expect(refused?.kind == .privateServer && refused?.message.contains("\(getpid())") == true)
            let found = try #require(PrivateServer.running(data: folder.path))
            #expect(try await Self.query("SELECT a FROM t", found, on: loop) == 7)

            await server?.stop(on: loop)
            #expect(server?.isRunning == false)
            #expect(!folder.exists("postgres/postmaster.pid"))
            #expect(PrivateServer.running(data: folder.path) == nil)

            // A pid file whose pid now belongs to some other program of the same user.
            let other = try await ScratchServer.server(on: loop).pid
            try folder.write("postgres/postmaster.pid", "\(other)\n\(folder.path)/postgres\n1\n5432\n/nowhere\n\n0 0\nready\n")
            try await Self.expectRestart(&server, folder, on: loop)

            // A crash: the dead server's processes may hold its memory for a moment.
            if let pid = server?.pid { kill(pid, SIGKILL) }
            try await Self.expectRestart(&server, folder, on: loop)

            // A server that outlived its process: stopped and started again.
            let orphan = try #require(server?.pid)
            try await Self.expectRestart(&server, folder, on: loop)
            #expect(kill(orphan, 0) != 0)
            await server?.stop(on: loop)
        }
    }

    /// Lets go of the server as the end of its process would, starts again, and looks for the data.
    private static func expectRestart(_ server: inout PrivateServer?, _ folder: Folder, on loop: isolated EventLoop) async throws {
        server = nil
        let next = try await PrivateServer.start(data: folder.path, options: options, on: loop)
        #expect(try await query("SELECT a FROM t", next.config, on: loop) == 7)
        server = next
    }

    @Test func aPathTooLongForASocketIsServedFromATemporaryDirectory() async throws {
        try await withLoop { loop async throws in
            let folder = try Folder()
            let long = folder.path + "/" + String(repeating: "long-name-", count: 12)
            let server = try await PrivateServer.start(data: long, options: Self.options, on: loop)
            #expect(server.config.connectionString.contains("host='/tmp/heliograph-"))
            #expect(server.clusterDirectory == long + "/postgres")
            #expect(try await Self.query("SELECT 1", server.config, on: loop) == 1)
            let sockets = String(server.config.connectionString.split(separator: "'")[1])
            await server.stop(on: loop)
            #expect(access(sockets, F_OK) != 0)
        }
    }

    @Test func dataThatTheServersUserCannotReachIsKeptElsewhere() async throws {
        try await withLoop { loop async throws in
            let folder = try Folder(isPrivate: true)
            let server = try await PrivateServer.start(data: folder.path + "/data", options: Self.options, on: loop)
            #expect(server.clusterDirectory.hasPrefix(geteuid() == 0 ? "/var/lib/heliograph/" : folder.path))
            #expect(try await Self.query("SELECT 1", server.config, on: loop) == 1)
            #expect(PrivateServer.running(data: folder.path + "/data") != nil)
            await server.stop(on: loop)
            if geteuid() == 0 { Folder.remove(String(server.clusterDirectory.dropLast("/postgres".count))) }
        }
    }

    @Test(arguments: [("PG_VERSION", "9\n", "was made by PostgreSQL 9"), ("notes", "mine", "is no PostgreSQL cluster")])
    func aDirectoryThatIsNotItsOwnIsRefused(file: String, text: String, reason: String) async throws {
        try await withLoop { loop async throws in
            let folder = try Folder()
            try folder.makeDirectory("postgres")
            try folder.write("postgres/" + file, text)
            let error = await failure { try await PrivateServer.start(data: folder.path, options: Self.options, on: loop) }
            #expect(error?.kind == .privateServer)
            #expect(error?.message.contains(reason) == true)
            #expect(folder.exists("postgres/" + file))
            // The refusal lets go of the lock.
            let again = await failure { try await PrivateServer.start(data: folder.path, options: Self.options, on: loop) }
            #expect(again?.message.contains(reason) == true)
        }
    }
}
