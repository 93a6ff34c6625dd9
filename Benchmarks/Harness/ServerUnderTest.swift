import Postgres
import Protocol
import Reactor
import Simulation
import ZeroMQ

/// `heliograph up` as a process of its own, on free ports, with a data directory that goes with the run.
struct ServerUnderTest {
    let child: Child
    let address: HTTPAddress
    let data: String
    let postgres: PostgresConfig

    static func start(_ bench: Bench, environment: [String] = [], on loop: isolated EventLoop) async throws -> ServerUnderTest {
        let data = "\(bench.directory)/data-\(Clock.monotonicNs)"
        let child = try bench.start(
            "heliograph", bench.options.server + ["--data", data],
            environment: ["HELIOGRAPH_HOME=\(bench.options.root)", "HELIOGRAPH_LOG=warning"] + environment)
        let url = try await child.wait(withinMs: 120_000, on: loop) { output -> String? in
            guard output.contains("is ready") else { return nil }
            return output.split(separator: "\n").first { $0.contains(" address ") }?.split(separator: " ").last.map(String.init)
        }
        guard let address = HTTPAddress(url), let postgres = PrivateServer.running(data: data) else { throw BenchError("the server said '\(url)'") }
        return ServerUnderTest(child: child, address: address, data: data, postgres: postgres)
    }

    /// Where the broker listens for processes of this machine.
    var bus: BusEndpoint { BusEndpoint(work: "ipc://\(data)/run/broker.work", topics: "ipc://\(data)/run/broker.topics") }
}
