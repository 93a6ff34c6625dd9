/// One file of a migrations directory: `NNNN_name.sql`.
public struct Migration: Hashable, Sendable {
    public let version: Int
    public let name: String
    public let sql: String

    /// `0003_charging`, as files and messages have it.
    public var title: String {
        let digits = "\(version)"
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits + "_" + name
    }

    /// Reads a directory's files in order. Versions must run from 1 without a gap; other files than `.sql` are left alone.
    public static func load(from directory: String) throws(PostgresError) -> [Migration] {
        guard let names = Files.names(in: directory) else { throw Files.failure("read", directory, .migration) }
        var all: [Migration] = []
        for file in names where file.hasSuffix(".sql") {
            guard let (version, name) = parse(file) else {
                throw PostgresError(.migration, "\(directory)/\(file) is not named NNNN_name.sql (digits, underscore, lower-case letters, digits, _ or -)")
            }
            guard let bytes = Files.read(directory + "/" + file) else { throw Files.failure("read", "\(directory)/\(file)", .migration) }
            guard let sql = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
                throw PostgresError(.migration, "\(directory)/\(file) is not UTF-8 text")
            }
            all.append(Migration(version: version, name: name, sql: sql))
        }
        all.sort { $0.version < $1.version }
        for (i, migration) in all.enumerated() where migration.version != i + 1 {
            let problem = i > 0 && migration.version == all[i - 1].version ? "is there twice" : "follows \(i): \(i + 1) is missing"
            throw PostgresError(.migration, "\(directory): version \(migration.version) \(problem)")
        }
        return all
    }

    private static func parse(_ file: String) -> (Int, String)? {
        let parts = file.dropLast(4).split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 4, parts[0].utf8.allSatisfy({ $0 &- 0x30 < 10 }), let version = Int(parts[0]), version > 0,
            !parts[1].isEmpty, parts[1].utf8.allSatisfy({ $0 &- 0x30 < 10 || $0 &- 0x61 < 26 || $0 == 0x5F || $0 == 0x2D })
        else { return nil }
        return (version, String(parts[1]))
    }
}
