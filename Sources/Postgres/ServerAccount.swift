import CLinux
import Glibc

/// The user a private server runs as: PostgreSQL refuses to be root.
struct ServerAccount: Equatable {
    let uid: uid_t
    let gid: gid_t

    static var isRoot: Bool { geteuid() == 0 }

    /// The caller; for root the owner of an existing cluster, else `postgres`, else `nobody`.
    static func choose(cluster: String) throws(PostgresError) -> ServerAccount {
        if !isRoot { return ServerAccount(uid: geteuid(), gid: getegid()) }
        if let owner = Files.status(cluster), owner.st_uid != 0 { return ServerAccount(uid: owner.st_uid, gid: owner.st_gid) }
        for name in ["postgres", "nobody"] {
            if let account = named(name) { return account }
        }
        throw PostgresError(.privateServer, "PostgreSQL does not run as root, and there is no user postgres or nobody: make one, or set DATABASE_URL")
    }

    private static func named(_ name: String) -> ServerAccount? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var strings = [CChar](repeating: 0, count: 4096)
        guard getpwnam_r(name, &entry, &strings, strings.count, &found) == 0, found != nil, entry.pw_uid != 0 else { return nil }
        return ServerAccount(uid: entry.pw_uid, gid: entry.pw_gid)
    }

    /// The first directory on the way to `path` that this user cannot pass through; nil if there is none.
    func obstacle(on path: String) -> String? {
        var directory = path
        var obstacle: String?
        while true {
            if let info = Files.status(directory) {
                let bit: mode_t = info.st_uid == uid ? 0o100 : info.st_gid == gid ? 0o010 : 0o001
                if info.st_mode & bit == 0 { obstacle = directory }
            }
            if directory == "/" { return obstacle }
            directory = Files.parent(of: directory)
        }
    }
}
