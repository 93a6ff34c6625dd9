package import Bytes
import CLinux
import Glibc
package import Reactor
package import Workers

/// A real SMTP server (aiosmtpd) as a child process; what it does with a mail, the recipient's local part says: see smtp_server.py.
package final class SMTPServer {
    package static let username = "mailer"
    package static let password = "geheim; 密码"

    package let directory: String
    /// What it has said since its ports: mails that it has taken, and `stalled`.
    package private(set) var said: [JSONValue] = []
    private var ports: JSONValue?
    private let pid: pid_t
    private let input: Int32
    private let output: Int32
    private var pending: [UInt8] = []
    private var watch: EventLoop.Watch?

    /// Debian's own Python: it is the one that has aiosmtpd.
    private static let python = "/usr/bin/python3"

    package static func start(on loop: isolated EventLoop) async throws -> SMTPServer {
        let server = try SMTPServer(on: loop)
        try await eventually("the ports of the SMTP server", seconds: 60, on: loop) { server.ports != nil }
        return server
    }

    private init(on loop: isolated EventLoop) throws {
        directory = try temporaryDirectory("/tmp/heliograph-mail-")
        var toChild: [Int32] = [0, 0]
        var fromChild: [Int32] = [0, 0]
        guard pipe2(&toChild, O_CLOEXEC) == 0, pipe2(&fromChild, O_CLOEXEC) == 0 else { throw Overdue(what: "no pipe") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
        let command: [String] = [Self.python, projectRoot + "/Tests/Support/smtp_server.py", directory]
        let environment: [String] = ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"]
        let argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        let envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let failed = posix_spawn(&pid, Self.python, &actions, nil, argv, envp)
        close(toChild[0])
        close(fromChild[1])
        self.pid = pid
        input = toChild[1]
        output = fromChild[0]
        guard failed == 0 else { throw Overdue(what: "cannot start \(Self.python): \(String(cString: strerror(failed)))") }
        hg_set_nonblocking(output)
        watch = loop.watch(output, .read) { [weak self] _ in self?.read(on: loop) }
    }

    private func read(on loop: isolated EventLoop) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let n = Glibc.read(output, &buffer, buffer.count)
            guard n > 0 else {
                if n == 0, let watch { loop.unwatch(watch) }
                if n == 0 { watch = nil }
                break
            }
            pending += buffer[..<n]
        }
        while let end = pending.firstIndex(of: 0x0A) {
            if let line = try? JSONValue.parse(Array(pending[..<end])) {  // ok: Python's own traceback is no JSON
                if let ports = line["ports"] { self.ports = ports } else { said.append(line) }
            }
            pending.removeFirst(end + 1)
        }
    }

    package func port(_ name: String) -> Int { ports?[name]?.int ?? 0 }

    package var mails: [JSONValue] { said.filter { $0["mail"] != nil } }

    package func settings(
        _ port: String, _ security: SMTPSettings.Security, host: String = "localhost", login: Bool = false, ca: String = "localhost", timeoutMs: Int = 20_000
    ) -> SMTPSettings {
        SMTPSettings(
            host: host, port: self.port(port), security: security, username: login ? Self.username : "", password: login ? Self.password : "",
            caFile: "\(directory)/\(ca).pem", timeoutMs: timeoutMs, helo: "heliograph.example")
    }

    package func stop(on loop: isolated EventLoop) {
        if let watch { loop.unwatch(watch) }
        watch = nil
    }

    deinit {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
        close(input)
        close(output)
        removeTree(directory)
    }
}

/// Runs a body with a server of its own, on a loop of its own.
package func withServer(_ body: @Sendable (SMTPServer, isolated EventLoop) async throws -> Void) async throws {
    let loop = EventLoop(name: "mail test")
    defer { loop.stop() }
    try await loop.run { loop in
        let server = try await SMTPServer.start(on: loop)
        defer { server.stop(on: loop) }
        try await body(server, loop)
    }
}
