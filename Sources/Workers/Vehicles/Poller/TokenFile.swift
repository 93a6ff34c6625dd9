import CLinux
import Glibc
import Reactor

/// `TOKEN_FILE`: tokens that another logger has left, or a person has put there. Taken over once; from then on the database has the newer ones.
enum TokenFile {
    /// The account that it becomes.
    static let account = "tokens.json"
    private static let mostBytes = 64 << 10

    /// Makes the account where there is none yet, or where that is signed out.
    static func take(_ path: String, _ store: TokenStore) async throws {
        guard let bytes = read(path) else { return }
        if let known = try await store.list().first(where: { $0.name == account }), known.fault == nil { return }
        guard let number = try await store.login(account, bytes) else {
            return Log.error("the token file holds no tokens", ["file": path, "wanted": #"{"access_token":…,"refresh_token":…}"#])
        }
        Log.info("token file taken over", ["file": path, "account": "\(number)"])
    }

    private static func read(_ path: String) -> [UInt8]? {
        let fd = hg_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else {
            if hg_errno() != ENOENT { Log.error("the token file cannot be read", ["file": path, "error": String(cString: strerror(hg_errno()))]) }
            return nil
        }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: mostBytes)
        let count = Glibc.read(fd, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return Array(bytes[..<count])
    }
}
