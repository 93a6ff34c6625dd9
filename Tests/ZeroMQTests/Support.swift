import Bytes
import Glibc
import Protocol
import Reactor
import Testing
import ZeroMQ

/// What a test's handlers noted, on the loop.
final class Notes {
    private(set) var lines: [String] = []
    private var waiter: UnsafeContinuation<Void, Never>?
    private var isEnough: ([String]) -> Bool = { _ in false }

    func add(_ line: String) {
        lines.append(line)
        guard waiter != nil, isEnough(lines) else { return }
        waiter?.resume()
        waiter = nil
    }

    /// Suspends until the lines are what the caller waits for.
    @discardableResult
    func wait(until enough: @escaping ([String]) -> Bool) async -> [String] {
        if !enough(lines) {
            isEnough = enough
            await withUnsafeContinuation { waiter = $0 }
        }
        return lines
    }

    @discardableResult
    func wait(for count: Int) async -> [String] { await wait { $0.count >= count } }

    func wait(for all: String...) async { await wait { lines in all.allSatisfy(lines.contains) } }
}

/// A worker that does what the test says.
final class Hands: WorkDelegate {
    let notes = Notes()
    var client: BusClient?
    /// Whether calls are answered, with their own payload.
    var answers = true

    func work(_ view: MessageView, link: Int, on loop: isolated EventLoop) {
        notes.add("\(view.header.verb) \(view.nameString) \(String(decoding: view.payload, as: UTF8.self))")
        guard answers else { return }
        switch view.header.verb {
        case .job: client?.send(JobRun(view).header(.done), payload: [], link: link, on: loop)
        case .ingest: client?.send(Header(.committed, requestID: view.header.requestID), payload: view.payloadArray, link: link, on: loop)
        default: client?.send(Header(.reply, requestID: view.header.requestID), payload: view.payloadArray, link: link, on: loop)
        }
    }

    func settled(_ view: MessageView, link: Int, on loop: isolated EventLoop) { notes.add("settled \(view.header.requestID)") }
    func cancelled(_ view: MessageView, link: Int, on loop: isolated EventLoop) { notes.add("cancelled") }
    func linkUp(_ link: Int, isNew: Bool, on loop: isolated EventLoop) { notes.add("up \(link)\(isNew ? " new" : "")") }
    func linkDown(_ link: Int, on loop: isolated EventLoop) { notes.add("down \(link)") }
}

/// How a broker is reached.
enum Transport: CaseIterable, Sendable {
    case inproc, ipc, tcp
}

/// One loop, one context and a directory of its own for a test.
struct Place {
    let context = ZMQContext()
    let directory: String

    init() throws {
        var template = Array("/tmp/hgbusXXXXXX".utf8CString)
        directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    func endpoint(_ transport: Transport, _ name: String = "b") -> BusEndpoint {
        switch transport {
        case .inproc: BusEndpoint(work: "inproc://\(name)", topics: "inproc://\(name).topics")
        case .ipc: BusEndpoint(work: "ipc://\(directory)/\(name)", topics: "ipc://\(directory)/\(name).topics")
        case .tcp: BusEndpoint(work: "tcp://127.0.0.1:*", topics: "tcp://127.0.0.1:*")
        }
    }

    func remove() {
        for name in ["b", "b.topics", "c", "c.topics"] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    static var quick: BusLimits {
        var limits = BusLimits()
        limits.beatNs = 50_000_000
        return limits
    }

    func client(_ name: String, _ brokers: [BusEndpoint], keys: CurveKeys? = nil, limits: BusLimits = Place.quick, on loop: isolated EventLoop) throws
        -> BusClient
    {
        try BusClient(context, endpoints: brokers, hello: Hello(role: .api, name: name), keys: keys, limits: limits, on: loop)
    }

    /// A worker of stream `s`, request `r` and kind `k`.
    func worker(_ name: String, _ brokers: [BusEndpoint], on loop: isolated EventLoop) throws -> (BusClient, Hands) {
        let hello = Hello(role: .worker, name: name, kinds: ["k"], streams: ["s"], requests: ["r"], windows: Windows(jobs: 4, batches: 4, requests: 4))
        let client = try BusClient(context, endpoints: brokers, hello: hello, limits: Self.quick, on: loop)
        let hands = Hands()
        hands.client = client
        client.serve(hello, delegate: hands, on: loop)
        return (client, hands)
    }
}

/// Runs a test on a loop and in a place of its own.
func onBus<T: Sendable>(_ body: @Sendable (Place, isolated EventLoop) async throws -> T) async throws -> T {
    let loop = EventLoop(name: "bus")
    defer { loop.stop() }
    let place = try Place()
    defer { place.remove() }
    return try await loop.run { loop in try await body(place, loop) }
}

extension BusClient {
    /// The refusal of a call, nil where it was answered.
    func refusal(of verb: Verb, _ name: String, _ payload: [UInt8] = [], timeoutMs: Int64 = 10_000, on loop: isolated EventLoop) async -> Refusal? {
        await withUnsafeContinuation { continuation in
            call(verb, name, payload, timeoutMs: timeoutMs, on: loop) { result in
                if case .failure(let refusal) = result { continuation.resume(returning: refusal) } else { continuation.resume(returning: nil) }
            }
        }
    }
}
