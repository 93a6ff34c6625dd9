import CLinux

/// Finds the folder with `Migrations` and `Public`.
struct Home {
    let path: String
    var migrations: String { path + "/Migrations" }
    var console: String { path + "/Public" }

    init(_ settings: Settings) throws(UsageError) {
        let given = settings["HELIOGRAPH_HOME"]
        var candidates = given.isEmpty ? ["."] : [given]
        if given.isEmpty {
            var buffer = [CChar](repeating: 0, count: 4096)
            let n = readlink("/proc/self/exe", &buffer, buffer.count - 1)
            if n > 0 {
                var folder = String(decoding: buffer[..<n].map(UInt8.init(bitPattern:)), as: UTF8.self)[...]
                // From .build/release/heliograph up to the checkout, or /opt/heliograph/bin up to /opt/heliograph.
                while let slash = folder.lastIndex(of: "/") {
                    folder = folder[..<slash]
                    candidates.append(String(folder))
                    candidates.append(folder + "/share/heliograph")
                }
            }
        }
        guard let found = candidates.first(where: { access($0 + "/Migrations/0001_jobs.sql", R_OK) == 0 }) else {
            throw UsageError("Migrations not found; set HELIOGRAPH_HOME to the folder that holds Migrations and Public")
        }
        path = found
    }
}
