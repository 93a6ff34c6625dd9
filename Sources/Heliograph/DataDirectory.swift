import CLinux
import Glibc
import ZeroMQ

/// The data directory: `postgres/`, `mail/`, `images/`, `keys/`, `run/`.
struct DataDirectory {
    let path: String

    /// Makes what is missing. Keys and sockets are for the owner only.
    init(_ path: String) throws(UsageError) {
        var base = path
        if !base.hasPrefix("/") {
            guard let cwd = getcwd(nil, 0) else { throw UsageError("the working directory is gone") }
            base = String(cString: cwd) + "/" + base
            free(cwd)
        }
        self.path = base
        // The private PostgreSQL may run as another user and must be able to pass through.
        try make(base, 0o755)
        for (name, mode) in [("mail", 0o700), ("images", 0o755), ("keys", 0o700), ("run", 0o700)] as [(String, mode_t)] { try make("\(base)/\(name)", mode) }
    }

    private func make(_ directory: String, _ mode: mode_t) throws(UsageError) {
        var partial = ""
        for part in directory.split(separator: "/") {
            partial += "/" + part
            if mkdir(partial, mode) != 0, hg_errno() != EEXIST {
                throw UsageError("cannot make the directory \(partial): \(String(cString: strerror(hg_errno())))")
            }
        }
    }

    func keys(_ name: String) -> String { "\(path)/keys/\(name)" }

    /// Where a broker of this machine listens for this user's other processes. Socket paths have at most 107 bytes.
    func endpoint(broker: String) throws(UsageError) -> BusEndpoint {
        let base = "\(path)/run/\(broker)"
        guard base.utf8.count + 8 <= 107 else { throw UsageError("the data directory's path is too long for a Unix socket: \(base)") }
        return BusEndpoint(work: "ipc://\(base).work", topics: "ipc://\(base).topics")
    }

    /// Holds the directory for one `up`; returns a message when another process has it.
    func lock(_ name: String) -> String? {
        let fd = open("\(path)/run/\(name).lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard fd >= 0 else { return "cannot open \(path)/run/\(name).lock" }
        // The descriptor stays open for the life of the process: that is the lock.
        return flock(fd, LOCK_EX | LOCK_NB) == 0 ? nil : "another 'heliograph \(name)' uses \(path) already"
    }
}
