import Bytes
import HTTP
import Reactor

/// A hub behind tokens: topics of devices need an access token of the account system, the others any token, or none where they are open. A socket
/// that comes with a token hears nothing until the token is known to be good.
final class GuardedSockets: WebSocketHandler {
    /// Messages kept of a client that speaks before its token is known; more close it.
    private static let heldBound = 8

    private let hub: WebSocketHub
    private let tokens: TokenGuard
    private let accounts: AccountGuard
    private let audience: AlertAudience
    /// Whether a token is not needed for topics that belong to nobody.
    private let isOpen: Bool
    private let port: LoopPort
    /// Sockets whose token is being looked up, and what they said meanwhile.
    private var held: [ObjectIdentifier: [[UInt8]]] = [:]

    init(_ hub: WebSocketHub, _ tokens: TokenGuard, _ accounts: AccountGuard, _ audience: AlertAudience, isOpen: Bool, on loop: isolated EventLoop) {
        self.hub = hub
        self.tokens = tokens
        self.accounts = accounts
        self.audience = audience
        self.isOpen = isOpen
        port = LoopPort(on: loop)
    }

    func admit(_ request: Request) throws {
        if try BearerToken.ofWebSocket(request) == nil {
            let isPrivate = try WebSocketHub.patterns(request).contains(where: AlertAudience.isPrivate)
            guard isOpen, !isPrivate else {
                throw TokenGuard.unauthorized("a token is needed: Authorization: Bearer …, or access_token=… in the query", isWrong: false)
            }
        }
        try hub.admit(request)
    }

    func opened(_ socket: WebSocket, _ request: Request) {
        let token: String
        do throws(APIError) {
            guard let given = try BearerToken.ofWebSocket(request), !isOpen || Self.isAccessToken(given) else { return hub.opened(socket, request) }
            token = given
        } catch {
            return socket.close(.policyViolation, error.message)
        }
        held[ObjectIdentifier(socket)] = []
        _ = port.spawn { [self] in await check(token, socket, request) }
    }

    /// JSON Web Tokens have dots, ours in the table of tokens have none.
    private static func isAccessToken(_ token: String) -> Bool { token.utf8.contains(UInt8(ascii: ".")) }

    private func check(_ token: String, _ socket: WebSocket, _ request: Request) async {
        do {
            if Self.isAccessToken(token) {
                let principal = try await accounts.principal(of: token, at: request.receivedAt)
                if socket.isOpen, held[ObjectIdentifier(socket)] != nil { audience.add(socket, principal) }
            } else {
                _ = try await tokens.holder(of: token)
            }
            begin(socket, request)
        } catch {
            held[ObjectIdentifier(socket)] = nil
            socket.close(.policyViolation, (error as? APIError)?.message ?? "the token cannot be checked now")
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
        audience.remove(socket)
    }
}
