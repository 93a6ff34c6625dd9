import CLinux
import Glibc

/// The few file operations that migrations and the private server need. Errors are sentences with the path and the reason.
enum Files {
    static func failure(_ what: String, _ path: String, _ kind: PostgresError.Kind = .privateServer) -> PostgresError {
        PostgresError(kind, "cannot \(what) \(path): \(String(cString: strerror(hg_errno())))")
    }

    static func status(_ path: String) -> stat? {
        var info = stat()
        return stat(path, &info) == 0 ? info : nil
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
    static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

    /// A file's bytes; nil when it cannot be read.
    static func read(_ path: String) -> [UInt8]? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var all: [UInt8] = []
        while true {
            let before = all.count
            var count = 0
            // Files under /proc have no size to ask for.
            all.append(contentsOf: repeatElement(0, count: 16 * 1024))
            all.withUnsafeMutableBytes { count = Glibc.read(fd, $0.baseAddress?.advanced(by: before), 16 * 1024) }
            all.removeLast(16 * 1024 - max(0, count))
            if count < 0 { return nil }
            if count == 0 { return all }
        }
    }

    static func text(_ path: String) -> String? { read(path).map { String(decoding: $0, as: UTF8.self) } }

    /// The names in a directory, sorted; nil when it cannot be read.
    static func names(in path: String) -> [String]? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Makes a directory and those above it that are missing.
    static func makeDirectory(_ path: String, mode: mode_t) throws(PostgresError) {
        if exists(path) { return }
        let parent = parent(of: path)
        if parent != path { try makeDirectory(parent, mode: 0o755) }
        guard mkdir(path, mode) == 0 || hg_errno() == EEXIST else { throw failure("make directory", path) }
        guard chmod(path, mode) == 0 else { throw failure("set the mode of", path) }
    }

    /// Makes a directory with a name of its own, for this user alone.
    static func makeTemporaryDirectory(_ prefix: String) throws(PostgresError) -> String {
        var name = Array((prefix + "XXXXXX").utf8CString)
        let isMade = name.withUnsafeMutableBufferPointer { buffer in buffer.baseAddress.map { mkdtemp($0) != nil } ?? false }
        guard isMade else { throw failure("make a directory", prefix + "…") }
        return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func own(_ path: String, _ account: ServerAccount) throws(PostgresError) {
        guard chown(path, account.uid, account.gid) == 0 else { throw failure("hand over", path) }
    }

    /// Removes a directory with all that is in it; links are removed, not followed.
    static func removeTree(_ path: String) throws(PostgresError) {
        var info = stat()
        guard lstat(path, &info) == 0 else { return }
        if info.st_mode & S_IFMT == S_IFDIR {
            for name in names(in: path) ?? [] { try removeTree(path + "/" + name) }
            guard rmdir(path) == 0 else { throw failure("remove", path) }
        } else {
            guard unlink(path) == 0 || hg_errno() == ENOENT else { throw failure("remove", path) }
        }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    /// An absolute path without `.`, `..`, links or a final slash; what does not exist yet is taken as written.
    static func absolute(_ path: String) -> String {
        if let resolved = realpath(path, nil) {
            defer { free(resolved) }
            return String(cString: resolved)
        }
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard let slash = trimmed.lastIndex(of: "/") else { return absolute(".") + "/" + trimmed }
        let parent = slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
        let resolved = absolute(parent)
        return (resolved == "/" ? "" : resolved) + String(trimmed[slash...])
    }

    /// Where a symbolic link under /proc leads.
    static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = readlink(path, &buffer, 4096)
        return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
