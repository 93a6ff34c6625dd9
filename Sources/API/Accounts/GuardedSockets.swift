import HTTP
import Reactor

/// A hub behind a token: the handshake is refused without one, and the socket hears nothing until the token is known to be good.
final class GuardedSockets: WebSocketHandler {
    /// Messages kept of a client that speaks before its token is known; more close it.
    private static let heldBound = 8

    private let hub: WebSocketHub
    private let tokens: TokenGuard
    private let port: LoopPort
    /// Sockets whose token is being looked up, and what they said meanwhile.
    private var held: [ObjectIdentifier: [[UInt8]]] = [:]

    init(_ hub: WebSocketHub, _ tokens: TokenGuard, on loop: isolated EventLoop) {
        self.hub = hub
        self.tokens = tokens
        port = LoopPort(on: loop)
    }

    func admit(_ request: Request) throws {
        guard try BearerToken.ofWebSocket(request) != nil else {
            throw TokenGuard.unauthorized("a token is needed: Authorization: Bearer …, or access_token=… in the query", isWrong: false)
        }
        try hub.admit(request)
    }

    func opened(_ socket: WebSocket, _ request: Request) {
        held[ObjectIdentifier(socket)] = []
        _ = port.spawn { [self] in
            do {
                _ = try await tokens.holder(of: try BearerToken.ofWebSocket(request))
                begin(socket, request)
            } catch {
                held[ObjectIdentifier(socket)] = nil
                socket.close(.policyViolation, (error as? APIError)?.message ?? "the token cannot be checked now")
            }
        }
    }

    private func begin(_ socket: WebSocket, _ request: Request) {
        guard let messages = held.removeValue(forKey: ObjectIdentifier(socket)), socket.isOpen else { return }
        hub.opened(socket, request)
        for message in messages { hub.received(socket, text: message) }
    }

    func received(_ socket: WebSocket, text: [UInt8]) {
        guard let messages = held[ObjectIdentifier(socket)] else { return hub.received(socket, text: text) }
        guard messages.count < Self.heldBound else { return socket.close(.policyViolation, "wait until the token is checked") }
        held[ObjectIdentifier(socket)]?.append(text)
    }

    func closed(_ socket: WebSocket) {
        if held.removeValue(forKey: ObjectIdentifier(socket)) == nil { hub.closed(socket) }
    }
}
