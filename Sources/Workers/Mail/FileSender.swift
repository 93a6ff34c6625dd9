import Bytes
import CLinux
import Glibc
import Reactor
import Secrets

/// Writes mails into a directory, where there is no mail server: one `.eml` file each, for the owner only. On a thread of its own, for the disk may be slow.
public struct FileSender: MailSender {
    private let loop: EventLoop
    public let directory: String

    public init(directory: String) {
        self.directory = directory
        loop = EventLoop(name: "mail files")
    }

    public var place: String { directory }

    public func send(_ mail: Envelope) async -> MailResult {
        if Task.isCancelled { return .cancelled }
        let directory = directory
        return await loop.run { _ in Self.write(mail, directory) }
    }

    public func stop() async { loop.stop() }

    /// On the disk, and whole, once it has its name.
    private static func write(_ mail: Envelope, _ directory: String) -> MailResult {
        let time = RFC3339.string(Clock.wall).filter { $0 != ":" && $0 != "-" }
        let path = "\(directory)/\(time)-\(Hex.text(Secret.bytes(8))).eml"
        let part = path + ".part"
        let fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard fd >= 0 else { return failed("open \(part)") }
        var position = 0
        while position < mail.message.count {
            let n = mail.message.withUnsafeBytes { CLinux.write(fd, $0.baseAddress! + position, $0.count - position) }
            if n < 0, hg_errno() == EINTR { continue }
            guard n > 0 else { return discard(fd, part, "write \(part)") }
            position += n
        }
        guard fsync(fd) == 0 else { return discard(fd, part, "fsync \(part)") }
        guard rename(part, path) == 0 else { return discard(fd, part, "rename \(part)") }
        close(fd)
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return failed("open \(directory)") }
        defer { close(folder) }
        return fsync(folder) == 0 ? .sent : failed("fsync \(directory)")
    }

    private static func discard(_ fd: Int32, _ part: String, _ what: String) -> MailResult {
        let result = failed(what)
        close(fd)
        unlink(part)
        return result
    }

    private static func failed(_ what: String) -> MailResult { .temporary(code: nil, reason: "\(what): \(String(cString: strerror(hg_errno())))") }
}
