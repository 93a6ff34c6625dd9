import CLinux
import Glibc
import Protocol
import Reactor
import ZeroMQ

/// One update to thousands of WebSockets: published through the bus, as workers do, counted by our own client once the last byte is there.
/// The reference is nchan in nginx, one worker, with the same client and the same size of message.
enum FanoutBench {
    static let clients = 5_000
    static let early = 1_000
    /// Bytes of an update as clients get it.
    static let bytes = 500
    static let measureNs: Int64 = 10_000_000_000
    /// Updates on their way: the publisher is held up by the slowest step, and nothing is dropped for want of room.
    static let window = 16

    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        raiseLimit(bench)
        let count = bench.options.scaled(clients)
        let crowdLoop = EventLoop(name: "bench-crowd")
        defer { crowdLoop.stop() }
        let server = try await ServerUnderTest.start(bench, on: loop)
        let target = "/api/ws?topics=charging.BENCH"
        let address = server.address
        // The first ones use up what the server's allocator has to spare, and are not counted.
        let first = try await crowdLoop.run { loop in OnLoop(try await SocketCrowd.gather(early, at: address, target: target, on: loop), on: loop) }
        await loop.sleep(ns: 1_000_000_000)
        let before = try server.child.residentBytes()
        let crowd = try await crowdLoop.run { loop in OnLoop(try await SocketCrowd.gather(count, at: address, target: target, on: loop), on: loop) }
        if wanted.contains("fanout.idle_kb") {
            await loop.sleep(ns: 3_000_000_000)
            let bytes = Double(try server.child.residentBytes() - before) / Double(count)
            bench.record(
                Figure("fanout.idle_kb", bytes / 1024, "KB", conditions: "resident memory of the server for \(count) more idle WebSockets after \(early), each")
            )
        }
        await dismiss(first)
        if wanted.contains("fanout.deliveries") {
            let rate = try await deliver(server, crowd, bench, on: loop)
            await dismiss(crowd)
            await bench.stop(server.child, on: loop)
            let nginx = TextFile.program("nginx")
            let module = "/usr/lib/nginx/modules/ngx_nchan_module.so"
            let nchan = await bench.reference("nchan", [nginx, TextFile.exists(module) ? module : nil]) {
                try await Nchan.deliver(count, nginx: nginx ?? "", module: module, crowdLoop, bench, on: loop)
            }
            bench.record(
                Figure(
                    "fanout.deliveries", rate, "deliveries/s", reference: "nchan in nginx, one worker", nchan,
                    conditions: "updates of \(bytes) bytes to \(count) WebSockets, \(window) updates on their way"))
        } else {
            await dismiss(crowd)
            await bench.stop(server.child, on: loop)
        }
    }

    static func dismiss(_ crowd: OnLoop<SocketCrowd>) async { await crowd.loop.run { loop in crowd.value(on: loop).close(on: loop) } }

    private static func deliver(_ server: ServerUnderTest, _ crowd: OnLoop<SocketCrowd>, _ bench: Bench, on loop: isolated EventLoop) async throws -> Double {
        let client = try BusClient(ZMQContext(), endpoints: [server.bus], hello: Hello(role: .tool, name: "bench publisher"), on: loop)
        let limit = Clock.monotonicNs + 10_000_000_000
        while !client.isUp {
            guard Clock.monotonicNs < limit else { throw BenchError("no broker at \(server.bus.work)") }
            await loop.sleep(ns: 10_000_000)
        }
        // The API puts the topic in front; the payload fills up to the wanted size.
        let start = "{\"type\":\"reading\",\"data\":\""
        let named = "\"topic\":\"charging.BENCH\",".utf8.count
        let filler = String(repeating: "x", count: bytes - named - start.utf8.count - 2)
        let payload = Array("\(start)\(filler)\"}".utf8)
        let rate = try await pump(crowd, bench, on: loop) { _ in
            client.publish(Topic.charging("BENCH"), payload, isState: false, on: loop)
        }
        client.close(on: loop)
        return rate
    }

    /// Publishes for a while, never more than `window` updates ahead of what has arrived, and waits until all is there.
    static func pump(
        _ crowd: OnLoop<SocketCrowd>, _ bench: Bench, on loop: isolated EventLoop, _ publish: (Int) throws -> Void
    ) async throws -> Double {
        let progress = await crowd.loop.run { loop in crowd.value(on: loop).progress }
        let clients = progress.clients
        let time = BusBench.duration(measureNs, bench)
        let (began, frames) = (Clock.monotonicNs, progress.frames)
        var published = 0
        while Clock.monotonicNs - began < time {
            while published * clients - (progress.frames - frames) <= (window - 1) * clients {
                try publish(published)
                published += 1
            }
            try progress.check()
            await loop.sleep(ns: 200_000)
        }
        let limit = Clock.monotonicNs + 30_000_000_000
        while progress.frames - frames < published * clients {
            try progress.check()
            guard Clock.monotonicNs < limit else { throw BenchError("\(progress.frames - frames) of \(published * clients) deliveries arrived") }
            await loop.sleep(ns: 200_000)
        }
        let seconds = Double(progress.lastNs - began) / 1e9
        guard progress.bytes == (progress.frames - frames) * bytes else {
            throw BenchError("updates of \(bytes) bytes arrived as \(progress.bytes) bytes in \(progress.frames - frames) frames")
        }
        return Double(published * clients) / seconds
    }

    /// Thousands of descriptors here and in what is started.
    private static func raiseLimit(_ bench: Bench) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, 65_536)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        if limit.rlim_cur < UInt(clients + early + 500) { bench.note("only \(limit.rlim_cur) descriptors: ulimit -n") }
    }
}
