import Broker
import Bytes
import Postgres
import Protocol
import Reactor
import Workers
import ZeroMQ

/// Request and reply through the broker: a client, the broker and a worker, each on its own thread and ZeroMQ context,
/// over loopback TCP. The reference is the same with a bare `zmq_proxy` in the middle and bare DEALERs at its ends.
enum BusBench {
    static let inFlight = 1_000
    static let payload = [UInt8](repeating: 0x78, count: 64)
    static let warmUpNs: Int64 = 1_000_000_000
    static let measureNs: Int64 = 5_000_000_000

    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        for (name, isSecure) in [("bus.request", false), ("bus.request.curve", true)] where wanted.contains(name) {
            let keys = isSecure ? try Keys() : nil
            let value = try await measure(keys, bench, on: loop)
            let reference = await bench.reference("zmq_proxy", []) { try await BusReference.measure(keys, bench, on: loop) }
            bench.record(
                Figure(
                    name, value, "requests/s", reference: "bare zmq_proxy ROUTER-DEALER", reference,
                    conditions:
                        "\(isSecure ? "CURVE over" : "plain") loopback tcp on both sides, 64-byte payload, \(inFlight) in flight, one client, one worker"))
        }
    }

    struct Keys: Sendable {
        let server: CurveKeys
        let client: CurveKeys
        let worker: CurveKeys
        init() throws {
            server = try CurveKeys.generate()
            client = try CurveKeys.generate()
            worker = try CurveKeys.generate()
        }
    }

    static func duration(_ ns: Int64, _ bench: Bench) -> Int64 { max(200_000_000, Int64(Double(ns) * bench.options.scale)) }

    private static func measure(_ keys: Keys?, _ bench: Bench, on loop: isolated EventLoop) async throws -> Double {
        let fleet = try await Fleet.start(try await bench.postgres(on: loop), keys: keys) { runtime, _, _, _ in
            runtime.onRequest("bench.echo") { _, payload in payload }
        }
        let clientLoop = EventLoop(name: "bench-client")
        let (warmUp, time) = (duration(warmUpNs, bench), duration(measureNs, bench))
        let endpoint = fleet.endpoint
        do {
            let rate = try await clientLoop.run { loop in
                let client = try BusClient(
                    ZMQContext(), endpoints: [endpoint], hello: Hello(role: .api, name: "bench client"), keys: keys?.client, on: loop)
                try await waitForWorker(client, on: loop)
                let flood = Flood(client)
                for _ in 0..<inFlight { flood.fire(on: loop) }
                await loop.sleep(ns: warmUp)
                let (before, started, used) = (flood.done, Clock.monotonicNs, OwnTime.us)
                await loop.sleep(ns: time)
                Bench.note("bus: \(OwnTime.perCall(since: used, flood.done - before)) µs of processor time per request")
                let rate = Double(flood.done - before) / (Double(Clock.monotonicNs - started) / 1e9)
                flood.isOver = true
                client.close(on: loop)
                if let failure = flood.failure { throw failure }
                return rate
            }
            clientLoop.stop()
            await fleet.stop()
            return rate
        } catch {
            clientLoop.stop()
            await fleet.stop()
            throw error
        }
    }

    private static func waitForWorker(_ client: BusClient, on loop: isolated EventLoop) async throws {
        let limit = Clock.monotonicNs + 10_000_000_000
        while true {
            do throws(Refusal) {
                _ = try await client.request("bench.echo", payload, timeoutMs: 1_000, on: loop)
                return
            } catch {
                if Clock.monotonicNs > limit { throw error }
                await loop.sleep(ns: 20_000_000)
            }
        }
    }

    /// Keeps calls in flight: every answer sends the next one.
    private final class Flood {
        let client: BusClient
        var done = 0
        var isOver = false
        var failure: Refusal?

        init(_ client: BusClient) { self.client = client }

        func fire(on loop: isolated EventLoop) {
            client.call(.request, "bench.echo", payload, timeoutMs: 10_000, on: loop) { [self] result in
                if isOver { return }
                switch result {
                case .success: done += 1
                case .failure(let refusal): failure = refusal
                }
                fire(on: loop)
            }
        }
    }
}
