import Bytes
import Protocol
import Reactor
import Simulation
import Testing
import ZeroMQ

/// Clients of a fleet that enqueue jobs over the bus and post readings to the public intake, again and again, and keep what they were told.
final class RestartLoad {
    /// One enqueue and its answer.
    final class Asked {
        var result: Result<Accepted, Refusal>?
    }

    static let rowsPerBatch = 100
    private static let producers = 8
    private static let meters = 3
    /// Between two tries of a client that was refused, ns.
    private static let pauseNs: Int64 = 50_000_000

    private let bus: BusClient
    /// Ids of jobs that a client was told are accepted.
    var accepted: [Int64] = []
    private(set) var refusals: [Refusal] = []
    /// Batches of readings that a client was told are committed.
    private(set) var batches = 0
    private var nextBatch = 0
    /// Enqueues asked for: the number of each is in its job's arguments.
    private var asked = 0
    /// Clients still at work.
    private(set) var clients = 0
    /// Asks the clients to end; each brings a batch to its acknowledgement first.
    var isOver = false

    private init(_ bus: BusClient) { self.bus = bus }

    static func start(_ fleet: ProcessFleet, address api: Child, on loop: isolated EventLoop) async throws -> RestartLoad {
        let run = fleet.data + "/run/broker"
        let bus = try BusClient(
            ZMQContext(), endpoints: [BusEndpoint(work: "ipc://\(run).work", topics: "ipc://\(run).topics")], hello: Hello(role: .tool, name: "load"), on: loop)
        let token = try await fleet.run("token", "new", "--scope", "ingest", on: loop)
        #expect(token.code == 0)
        let headers = [("Authorization", "Bearer " + token.text.filter { $0 != "\n" })]
        let url = api.text.split(separator: "\n").first { $0.contains("ready on ") }?.split(separator: " ").last.map(String.init) ?? ""
        let address = try #require(HTTPAddress(url))
        let load = RestartLoad(bus)
        load.clients = producers + meters
        for _ in 0..<producers { loop.spawn { await load.keepEnqueueing(on: loop) } }
        for _ in 0..<meters { loop.spawn { await load.keepPosting(address, headers, on: loop) } }
        return load
    }

    func enqueue(timeoutMs: Int64, on loop: isolated EventLoop) -> Asked {
        let asked = Asked()
        loop.spawn { asked.result = await self.ask(timeoutMs: timeoutMs, on: loop) }
        return asked
    }

    private func ask(timeoutMs: Int64, on loop: isolated EventLoop) async -> Result<Accepted, Refusal> {
        asked += 1
        let draft = JobDraft(kind: "probe.effect", args: Array("{\"table\":\"probe_effect\",\"n\":\(asked)}".utf8), maxAttempts: 100)
        do throws(Refusal) {
            return .success(try await bus.enqueue(draft, timeoutMs: timeoutMs, on: loop))
        } catch {
            return .failure(error)
        }
    }

    private func keepEnqueueing(on loop: isolated EventLoop) async {
        while !isOver {
            switch await ask(timeoutMs: 10_000, on: loop) {
            case .success(let told): accepted.append(told.id)
            case .failure(let refusal):
                refusals.append(refusal)
                await loop.sleep(ns: Self.pauseNs)
            }
        }
        clients -= 1
        if clients == 0 { bus.close(on: loop) }
    }

    private func keepPosting(_ address: HTTPAddress, _ headers: [(String, String)], on loop: isolated EventLoop) async {
        let client = HTTPClient(address, deadlineMs: 15_000, on: loop)
        while !isOver {
            let body = Self.rows(nextBatch)
            nextBatch += 1
            while true {
                let answer = try? await client.post("/api/ingest/charging", headers: headers, body: body)  // ok: sent again
                if answer?.status == 200 { break }
                await loop.sleep(ns: Self.pauseNs)
            }
            batches += 1
        }
        client.close()
        clients -= 1
        if clients == 0 { bus.close(on: loop) }
    }

    /// Readings of 10 meters; no two batches share one.
    private static func rows(_ batch: Int) -> [UInt8] {
        var out: [UInt8] = []
        for n in 0..<rowsPerBatch {
            var w = JSONWriter(capacity: 96)
            w.object { w in
                w.member("meter_id", "RESTART_\(n % 10)")
                w.member("timestamp", Timestamp(seconds: 1_767_225_600 + Int64(batch * rowsPerBatch / 10 + n / 10)), .utc)
                w.member("i", Double(n % 300) / 10)
            }
            out += w.bytes
            out.append(0x0A)
        }
        return out
    }
}
