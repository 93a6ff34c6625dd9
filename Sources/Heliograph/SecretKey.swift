import Bytes
import CLinux
import Glibc
import Secrets

/// The key that seals what the API leaves for the workers: `HELIOGRAPH_SECRET_KEY`, else a file of the data directory.
enum SecretKey {
    /// 32 bytes. In production it must be set: the parts run on several machines. Else, where neither is there the file is made; of processes that start at the same time one makes it, and all use that one.
    static func find(_ settings: Settings, _ data: DataDirectory) throws(UsageError) -> [UInt8] {
        let given = settings["HELIOGRAPH_SECRET_KEY"]
        if !given.isEmpty {
            guard let key = parse(given) else { throw UsageError("HELIOGRAPH_SECRET_KEY must be 64 hex digits") }
            return key
        }
        if settings.isProduction {
            throw UsageError("HELIOGRAPH_SECRET_KEY must be set where APP_ENV=production: 64 hex digits, for example of 'openssl rand -hex 32'")
        }
        let path = data.keys("secret.key")
        if access(path, F_OK) != 0 { try make(path) }
        guard let text = FileText.read(path), let key = parse(String(text.prefix { $0 != "\n" })) else {
            throw UsageError("\(path) must hold 64 hex digits and be readable; without it, codes that wait to be mailed cannot be read")
        }
        return key
    }

    /// A link is made once: an existing file stays.
    private static func make(_ path: String) throws(UsageError) {
        let draft = "\(path).\(getpid())"
        try FileText.write(Secret.random() + "\n", to: draft)
        defer { unlink(draft) }
        guard link(draft, path) == 0 || hg_errno() == EEXIST else { throw UsageError("cannot write \(path): \(String(cString: strerror(hg_errno())))") }
    }

    static func parse(_ text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { ASCII.hexValue($0) }
        guard text.utf8.count == 2 * Seal.keyBytes, digits.count == text.utf8.count else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
