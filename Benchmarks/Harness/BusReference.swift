import Reactor
import ZeroMQ

/// `zmq_proxy` with bare DEALERs: what the broker's protocol, credits and bookkeeping are measured against.
enum BusReference {
    static func measure(_ keys: BusBench.Keys?, _ bench: Bench, on loop: isolated EventLoop) async throws -> Double {
        let proxy = try ZMQProxy(secretKey: keys?.server.secretKey)
        let clientLoop = EventLoop(name: "bench-client")
        let workerLoop = EventLoop(name: "bench-worker")
        let (warmUp, time) = (BusBench.duration(BusBench.warmUpNs, bench), BusBench.duration(BusBench.measureNs, bench))
        let worker = try await workerLoop.run { loop in OnLoop(try Echo(connect(proxy.back, keys?.worker, keys), on: loop), on: loop) }
        let rate = try await clientLoop.run { loop in
            let caller = try Caller(connect(proxy.front, keys?.client, keys), on: loop)
            caller.begin(on: loop)
            await loop.sleep(ns: warmUp)
            let (before, started, used) = (caller.done, Clock.monotonicNs, OwnTime.us)
            await loop.sleep(ns: time)
            Bench.note("zmq_proxy: \(OwnTime.perCall(since: used, caller.done - before)) µs of processor time per request")
            let rate = Double(caller.done - before) / (Double(Clock.monotonicNs - started) / 1e9)
            caller.socket?.close(on: loop)
            caller.socket = nil
            return rate
        }
        await workerLoop.run { loop in
            let echo = worker.value(on: loop)
            echo.socket?.close(on: loop)
            echo.socket = nil
        }
        clientLoop.stop()
        workerLoop.stop()
        proxy.stop()
        guard rate > 0 else { throw BenchError("no message came through zmq_proxy") }
        return rate
    }

    private static func connect(_ endpoint: String, _ own: CurveKeys?, _ keys: BusBench.Keys?) throws -> ZMQSocket {
        let socket = try ZMQSocket(ZMQContext(), .dealer)
        if let own, let keys { try socket.useCurve(serverKey: keys.server.publicKey, keys: own) }
        try socket.connect(endpoint)
        return socket
    }

    private final class Caller {
        var socket: LoopSocket?
        var done = 0

        init(_ socket: consuming ZMQSocket, on loop: isolated EventLoop) throws {
            self.socket = try LoopSocket(
                socket, on: loop,
                onMessage: { [unowned self] socket, _ in
                    done += 1
                    _ = socket.send(BusBench.payload)
                }, onBurst: {})
        }

        func begin(on loop: isolated EventLoop) {
            socket?.withSocket { socket in
                for _ in 0..<BusBench.inFlight { _ = socket.send(BusBench.payload) }
            }
            socket?.schedulePump(on: loop)
        }
    }

    private final class Echo {
        var socket: LoopSocket?
        private let part = ZMQMessage()

        init(_ socket: consuming ZMQSocket, on loop: isolated EventLoop) throws {
            self.socket = try LoopSocket(
                socket, on: loop,
                onMessage: { [unowned self] socket, identity in
                    _ = socket.forward(identity, more: true)
                    guard socket.receive(into: part) else { return }
                    _ = socket.forward(part, more: false)
                }, onBurst: {})
        }
    }
}
