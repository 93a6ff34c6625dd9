import API
import Bytes
import HTTP
import Reactor

@testable import Edge

/// Runs a test's body on a loop of its own.
func onLoop(_ body: @Sendable (isolated EventLoop) async throws -> Void) async throws {
    let loop = EventLoop(name: "test")
    defer { loop.stop() }
    try await loop.run { loop in try await body(loop) }
}

/// A server on a port of its own with routes of every kind.
final class World {
    let server: HTTPServer
    let router: Router
    let hub: WebSocketHub
    let port: UInt16
    /// Paths of the requests that reached a handler, in order.
    var seen: [String] = []
    /// What the endless stream has written, and whether its handler has ended.
    var streamed = 0
    var streamEnded = false
    /// The most bytes that any handler found queued for any client.
    var mostQueued = 0
    /// Requests that wait in `/wait`; the test resumes them.
    var waiting: [UnsafeContinuation<Void, Never>] = []

    init(on loop: isolated EventLoop, files: StaticFiles? = nil, _ configure: (inout ServerConfiguration) -> Void = { _ in }) throws {
        var configuration = ServerConfiguration()
        configuration.sweepMs = 10
        configure(&configuration)
        router = Router()
        server = HTTPServer(router, configuration, on: loop)
        hub = WebSocketHub(server)
        port = try server.listen([ListenAddress(port: 0)])[0]
        let plain = router.group(PlainDialect())
        let charging = router.group(ChargingDialect())
        router.dialect("/api", ChargingDialect())
        plain.on(.get, "/hello") { [unowned self] request in
            seen.append(request.head.target)
            return .text("hello \(request.head.rawQuery ?? "")")
        }
        plain.on(.post, "/echo") { [unowned self] request in
            seen.append(request.head.target)
            return Reply(contentType: "application/octet-stream", .bytes(request.body))
        }
        plain.onAsync(.get, "/later/:n") { [unowned self] (request: Request) async throws -> Reply in
            let n = request.param("n")
            await withUnsafeContinuation { c in server.port.after(1_000_000) { c.resume() } }
            seen.append(request.head.target)
            return .text(n)
        }
        plain.onAsync(.get, "/wait") { [unowned self] (request: Request) async throws -> Reply in
            await withUnsafeContinuation { waiting.append($0) }
            return .text("waited")
        }
        plain.on(.get, "/big") { [unowned self] _ in
            noteQueued()
            return .text(String(repeating: "0123456789", count: 10_000))
        }
        plain.onAsync(.get, "/stream/:n") { (request: Request) async throws -> Reply in
            let n = Int(request.param("n")) ?? 0
            return .stream(contentType: "text/plain") { (writer: ReplyWriter) async throws in
                for i in 0..<n { try await writer.write("line \(i)\n") }
            }
        }
        plain.onAsync(.get, "/endless") { [unowned self] (request: Request) async throws -> Reply in
            .stream(contentType: "application/octet-stream") { [unowned self] (writer: ReplyWriter) async throws in
                defer { streamEnded = true }
                while true {
                    noteQueued()
                    try await writer.write([UInt8](repeating: 0x61, count: 8192))
                    streamed += 8192
                }
            }
        }
        plain.onAsync(.get, "/broken-stream") { (request: Request) async throws -> Reply in
            .stream(contentType: "text/plain") { (writer: ReplyWriter) async throws in
                try await writer.write("part")
                throw APIError.internalError
            }
        }
        charging.on(.get, "/api/needs") { request in
            let meter = try request.required("meter_id")
            return request.dialect.success(status: 200, request.context, extra: { $0.member("meter_id", meter) }) { $0.array { _ in } }
        }
        charging.on(.get, "/api/database") { _ in throw APIError.databaseUnavailable }
        charging.on(.get, "/api/meters/:id/x") { request in .text(request.param("id")) }
        charging.on(.get, "/api/meters/fixed/x") { _ in .text("fixed") }
        plain.webSocket("/ws", hub)
        plain.webSocket("/echo-ws", EchoHandler())
        if let files { plain.files("/files/*path", files) }
    }

    private func noteQueued() { for connection in server.connections { mostQueued = max(mostQueued, connection.out.count) } }

    func client(reads: Bool = true, on loop: isolated EventLoop) -> TestClient { TestClient(port: port, reads: reads, on: loop) }

    func stop() async { await server.stop(withinMs: 0) }
}

final class EchoHandler: WebSocketHandler {
    func opened(_ socket: WebSocket, _ request: Request) {}
    func received(_ socket: WebSocket, text: [UInt8]) { socket.send(text: text) }
    func received(_ socket: WebSocket, binary: [UInt8]) { socket.send(binary: binary) }
}
