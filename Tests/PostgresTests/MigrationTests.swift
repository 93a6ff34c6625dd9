import Postgres
import Reactor
import Testing

@Suite struct MigrationTests {
    private static func folder(_ files: [String: String]) throws -> Folder {
        let folder = try Folder()
        for (name, text) in files { try folder.write(name, text) }
        return folder
    }

    private static let three = [
        "0001_sites.sql": "CREATE TABLE site (id int8);\n-- a comment at the end",
        "0002_more.sql": "ALTER TABLE site ADD name text;\nINSERT INTO site VALUES (1, 'ü; ''x''');",
        "0003_function.sql": "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$",
        "README.md": "not a migration",
    ]

    @Test func pendingFilesAreAppliedInOrderAndOnce() async throws {
        try await withDatabase { config, loop async throws in
            let folder = try Self.folder(Self.three)
            let before = try await Migrations.status(of: folder.path, in: config, on: loop)
            #expect(before.map(\.state) == [.pending, .pending, .pending])
            let first = try await Migrations.apply(from: folder.path, to: config, on: loop)
            #expect(first.map(\.title) == ["0001_sites", "0002_more", "0003_function"])
            #expect(try await Migrations.apply(from: folder.path, to: config, on: loop).isEmpty)
            try folder.write("0004_next.sql", "CREATE TABLE next ()")
            #expect(try await Migrations.apply(from: folder.path, to: config, on: loop).map(\.version) == [4])
            let after = try await Migrations.status(of: folder.path, in: config, on: loop)
            let isDone = after.allSatisfy { $0.state == .applied && $0.appliedAt != nil }
            #expect(isDone)
        }
    }

    @Test func manyRunnersApplyEachFileOnce() async throws {
        try await withDatabase { config, loop async throws in
            let folder = try Self.folder(Self.three)
            let inbox = Inbox<Int>()
            for _ in 0..<5 {
                loop.spawn {
                    do { inbox.post(try await Migrations.apply(from: folder.path, to: config, on: loop).count) } catch { Issue.record(error) }
                }
            }
            await inbox.wait(for: 5)
            #expect(inbox.values.sorted() == [0, 0, 0, 0, 3])
        }
    }

    @Test func aChangedFileIsRefusedAndNothingIsApplied() async throws {
        try await withDatabase { config, loop async throws in
            let folder = try Self.folder(Self.three)
            try await Migrations.apply(from: folder.path, to: config, on: loop)
            try folder.write("0002_more.sql", "SELECT 1")
            try folder.write("0004_next.sql", "CREATE TABLE next ()")
            let error = await failure { try await Migrations.apply(from: folder.path, to: config, on: loop) }
            #expect(error?.kind == .migration)
            #expect(error?.message.contains("0002_more was changed") == true)
            let states = try await Migrations.status(of: folder.path, in: config, on: loop).map(\.state)
            #expect(states == [.applied, .changed, .applied, .pending])
        }
    }

    @Test func anAppliedVersionWithoutAFileIsRefused() async throws {
        try await withDatabase { config, loop async throws in
            let folder = try Self.folder(Self.three)
            try await Migrations.apply(from: folder.path, to: config, on: loop)
            folder.delete("0003_function.sql")
            let error = await failure { try await Migrations.apply(from: folder.path, to: config, on: loop) }
            #expect(error?.message.contains("0003_function is applied but has no file") == true)
        }
    }

    @Test func aFileThatComesLateIsRefused() async throws {
        try await withDatabase { config, loop async throws in
            let folder = try Self.folder(Self.three)
            try await Migrations.apply(from: folder.path, to: config, on: loop)
            let pool = PostgresPool(config, size: 1, name: "test", on: loop)
            try await pool.query("DELETE FROM heliograph.migration WHERE version = 2")
            await pool.close(on: loop)
            let error = await failure { try await Migrations.apply(from: folder.path, to: config, on: loop) }
            #expect(error?.message.contains("0002_more is not applied, but version 3 is") == true)
        }
    }

    @Test func aFailingFileLeavesNothingBehindAndNamesItsLine() async throws {
        try await withDatabase { config, loop async throws in
            let folder = try Self.folder(["0001_good.sql": "CREATE TABLE good ()", "0002_bad.sql": "CREATE TABLE bad ();\n\nSELECT nothing_there;"])
            let error = await failure { try await Migrations.apply(from: folder.path, to: config, on: loop) }
            #expect(error?.sqlState == "42703")
            #expect(error?.message.hasPrefix("0002_bad, line 3: ") == true)
            let pool = PostgresPool(config, size: 1, name: "test", on: loop)
            let rows = try await pool.query(
                "SELECT to_regclass('good') IS NOT NULL, to_regclass('bad') IS NOT NULL, (SELECT count(*) FROM heliograph.migration)")
            #expect(try rows.bool(0, 0))
            #expect(try !rows.bool(0, 1))
            #expect(try rows.int(0, 2) == 1)
            await pool.close(on: loop)
        }
    }

    @Test(arguments: [
        (["0001_a.sql", "0003_c.sql"], "2 is missing"), (["0002_b.sql"], "1 is missing"), (["0001_a.sql", "0001_b.sql"], "is there twice"),
        (["1_a.sql"], "is not named"), (["0001_A.sql"], "is not named"), (["0001.sql"], "is not named"), (["0000_a.sql"], "is not named"),
    ])
    func aDirectoryOutOfOrderIsRefused(files: [String], reason: String) async throws {
        let folder = try Folder()
        for file in files { try folder.write(file, "SELECT 1") }
        let error = await failure { try Migration.load(from: folder.path) }
        #expect(error?.kind == .migration && error?.message.contains(reason) == true)
    }

    @Test func aDirectoryThatIsNotThereIsAnError() async {
        let error = await failure { try Migration.load(from: "/nonexistent") }
        #expect(error?.kind == .migration)
    }
}
