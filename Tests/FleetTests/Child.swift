import CLinux
import Glibc
import Reactor
import TestSupport

/// A real process of the fleet: the built `heliograph`, its standard output read line by line on a loop.
final class Child {
    let pid: pid_t
    private var output: [UInt8] = []
    private var watch: EventLoop.Watch?
    private let fd: Int32
    private var isReaped = false

    /// The binary that `swift build --build-tests` makes beside the tests.
    static let binary = projectRoot + "/.build/debug/heliograph"

    init(_ arguments: [String], environment: [String: String], on loop: isolated EventLoop) throws {
        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw Overdue(what: "no pipe") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        let argv = ([Self.binary] + arguments).map { strdup($0) } + [nil]
        let inherited = ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"]
        let envp = (inherited + environment.map { "\($0.key)=\($0.value)" }).map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let failed = posix_spawn(&pid, Self.binary, &actions, &attributes, argv, envp)
        close(ends[1])
        guard failed == 0 else {
            close(ends[0])
            throw Overdue(what: "cannot start \(Self.binary): \(String(cString: strerror(failed)))")
        }
        self.pid = pid
        fd = ends[0]
        hg_set_nonblocking(fd)
        watch = loop.watch(fd, .read) { [weak self] _ in self?.readAll(on: loop) }
    }

    private func readAll(on loop: isolated EventLoop) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let n = read(fd, &buffer, buffer.count)
            if n > 0 {
                output += buffer[..<n]
            } else {
                if n == 0, let watch {
                    loop.unwatch(watch)
                    self.watch = nil
                }
                return
            }
        }
    }

    var text: String { String(decoding: output, as: UTF8.self) }

    func waitFor(_ line: String, on loop: isolated EventLoop) async throws {
        try await eventually("'\(line)' from process \(pid), which said: \(text)", seconds: 40, on: loop) { text.contains(line) }
    }

    /// kill -9, and waits until the process is gone.
    func kill9(on loop: isolated EventLoop) async throws { try await end(SIGKILL, on: loop) }

    /// Asks it to stop and waits until it has; returns its exit code.
    @discardableResult
    func stop(on loop: isolated EventLoop) async throws -> Int32 { try await end(SIGTERM, on: loop) }

    /// Waits until it ends by itself.
    func wait(on loop: isolated EventLoop) async throws -> Int32 { try await end(0, on: loop) }

    @discardableResult
    private func end(_ signal: Int32, on loop: isolated EventLoop) async throws -> Int32 {
        guard !isReaped else { return 0 }
        if signal != 0 { kill(pid, signal) }
        var status: Int32 = 0
        try await eventually("process \(pid) has ended", seconds: 30, on: loop) { waitpid(pid, &status, WNOHANG) == pid }
        isReaped = true
        readAll(on: loop)
        if let watch { loop.unwatch(watch) }
        watch = nil
        return hg_wifexited(status) != 0 ? hg_wexitstatus(status) : -1
    }

    deinit {
        if !isReaped {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        close(fd)
    }
}
