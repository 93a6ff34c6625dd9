import CLinux
import Glibc
import Reactor
import Simulation

/// nginx with the nchan module on a free port of the loopback.
enum Nchan {
    static func deliver(
        _ count: Int, nginx: String, module: String, _ crowdLoop: EventLoop, _ bench: Bench, on loop: isolated EventLoop
    ) async throws -> Double {
        guard let template = TextFile.read(bench.options.peers + "/nchan.conf.template") else { throw BenchError("no nchan.conf.template") }
        let port = try Wrk.freePort()
        let directory = bench.directory + "/nginx"
        mkdir(directory, 0o777)
        chmod(directory, 0o777)
        var text = template
        for (key, value) in [("@DIR@", directory), ("@PORT@", "\(port)"), ("@MODULE@", module)] {
            text = text.split(separator: key, omittingEmptySubsequences: false).joined(separator: value)
        }
        try TextFile.write(directory + "/nginx.conf", Array(text.utf8))
        let child = try bench.start("nginx", [nginx, "-c", directory + "/nginx.conf", "-p", directory])
        guard let address = HTTPAddress(host: "127.0.0.1", port: port) else { throw BenchError("no address") }
        let client = HTTPClient(address, on: loop)
        try await untilUp(client, on: loop)
        let crowd = try await crowdLoop.run { loop in
            OnLoop(try await SocketCrowd.gather(count, at: address, target: "/sub?topic=bench", on: loop), on: loop)
        }
        let body = [UInt8](repeating: 0x78, count: FanoutBench.bytes)
        var failure: (any Error)?
        let rate = try await FanoutBench.pump(crowd, bench, on: loop) { _ in
            if let failure { throw failure }
            client.send("POST", "/pub?topic=bench", headers: [], body: body) { result in
                switch result {
                case .success(let answer): if !(200..<300).contains(answer.status) { failure = BenchError("nchan answered \(answer.status)") }
                case .failure(let error): failure = error
                }
            }
        }
        client.close()
        await FanoutBench.dismiss(crowd)
        await bench.stop(child, on: loop)
        return rate
    }

    private static func untilUp(_ client: HTTPClient, on loop: isolated EventLoop) async throws {
        let limit = Clock.monotonicNs + 10_000_000_000
        while true {
            do throws(HTTPClientError) {
                _ = try await client.get("/status")
                return
            } catch {
                guard error.kind == .connect, Clock.monotonicNs < limit else { throw error }
                await loop.sleep(ns: 50_000_000)
            }
        }
    }
}
