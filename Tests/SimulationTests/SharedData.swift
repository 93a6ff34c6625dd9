import Glibc

/// The reference data that lies beside the project, where it does: it is not part of the repository.
enum SharedData {
    /// The nearest `shared/data` above this file.
    static let folder: String? = {
        var parts = #filePath.split(separator: "/")
        while !parts.isEmpty {
            parts.removeLast()
            let path = "/" + parts.joined(separator: "/") + "/shared/data"
            if access(path, R_OK) == 0 { return path }
        }
        return nil
    }()

    static var exists: Bool { folder != nil }

    static let sessionFiles = [
        "caltech-2019-05-01_2019-08-31.csv.gz", "caltech-2019-09-01_2019-12-31.csv.gz", "caltech-2020-02-01_2020-05-31.csv.gz",
        "caltech-2021-05-01_2021-08-31.csv.gz",
    ]

    static func read(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "rb") else { return [] }
        defer { fclose(file) }
        var out: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let n = fread(&chunk, 1, chunk.count, file), n > 0 { out.append(contentsOf: chunk[..<n]) }
        return out
    }

    static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
