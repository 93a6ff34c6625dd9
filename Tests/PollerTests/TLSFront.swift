import Bytes
import CLinux
import Glibc
import Reactor
import TestSupport

/// TLS in front of a plain port, by a child process: see tls_front.py.
final class TLSFront {
    let directory: String
    private let pid: pid_t
    private let input: Int32
    private let output: Int32
    private var said: [UInt8] = []
    private var ports: JSONValue?
    private var watch: EventLoop.Watch?

    var caFile: String { "\(directory)/ca.pem" }
    func port(_ name: String) -> Int { ports?[name]?.int ?? 0 }

    static func start(before port: UInt16, on loop: isolated EventLoop) async throws -> TLSFront {
        let front = try TLSFront(port, on: loop)
        try await eventually("the ports of the TLS front", seconds: 60, on: loop) { front.ports != nil }
        return front
    }

    private init(_ port: UInt16, on loop: isolated EventLoop) throws {
        directory = try temporaryDirectory("/tmp/heliograph-tls-")
        var toChild: [Int32] = [0, 0]
        var fromChild: [Int32] = [0, 0]
        guard pipe2(&toChild, O_CLOEXEC) == 0, pipe2(&fromChild, O_CLOEXEC) == 0 else { throw Overdue(what: "no pipe") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
        let python = "/usr/bin/python3"
        let command: [String] = [python, projectRoot + "/Tests/PollerTests/tls_front.py", directory, "\(port)"]
        let environment: [String] = ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"]
        let argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        let envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let failed = posix_spawn(&pid, python, &actions, nil, argv, envp)
        close(toChild[0])
        close(fromChild[1])
        self.pid = pid
        input = toChild[1]
        output = fromChild[0]
        guard failed == 0 else { throw Overdue(what: "cannot start \(python): \(String(cString: strerror(failed)))") }
        hg_set_nonblocking(output)
        watch = loop.watch(output, .read) { [weak self] _ in self?.read(on: loop) }
    }

    private func read(on loop: isolated EventLoop) {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let n = Glibc.read(output, &buffer, buffer.count)
        if n > 0 { said += buffer[..<n] }
        if n == 0 { stop(on: loop) }
        guard let end = said.firstIndex(of: 0x0A) else { return }
        ports = try? JSONValue.parse(Array(said[..<end]))  // ok: without ports the test fails
    }

    func stop(on loop: isolated EventLoop) {
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
