import Bytes
import HTTP
import Protocol
import Reactor

/// `/ws` on one loop: a first message with everything, then the state of a car whenever it is due (see `PushPace`). Clients only listen.
final class VehicleSockets: WebSocketHandler {
    private let states: LiveStates
    private let hub: WebSocketHub
    private let tokens: TokenGuard
    private let scope: Scope?
    private let port: LoopPort
    private var pace: PushPace
    /// Sockets that came before the states did.
    private var early: [ObjectIdentifier: WebSocket] = [:]
    private var first: SharedFrame?
    private(set) var count = 0

    private static let everything = "vehicles.*"
    /// Its key lets a flood of nonsense have one answer.
    private static let unknown = SharedFrame(
        text: Array(#"{"type":"error","data":{"message":"unknown message: clients of this socket only listen"}}"#.utf8), key: "error")

    /// - Parameter scope: what a token needs; nil where nobody needs one.
    init(_ states: LiveStates, _ server: HTTPServer, _ tokens: TokenGuard, scope: Scope?, _ rates: VehiclePushRates, on loop: isolated EventLoop) {
        self.states = states
        self.tokens = tokens
        self.scope = scope
        hub = WebSocketHub(server)
        port = LoopPort(on: loop)
        pace = PushPace(rates)
        hub.onSubscribe = { [unowned self] _ in [everything()] }
        // The states may still be read while everything else is let go.
        states.onChange = { [weak self] car, live in self?.changed(car, live) }
        states.onLoaded = { [weak self] in self?.beginEarly() }
    }

    // MARK: Pushes

    private func changed(_ car: Int64, _ live: LiveState) {
        first = nil
        switch pace.changed(car, live.state, atNs: port.nowNs()) {
        case .now: push(car, live)
        case .at(let due):
            port.after(max(0, due - port.nowNs())) { [weak self] in
                guard let self, let live = self.states[car], self.pace.isDue(car, due, atNs: self.port.nowNs()) else { return }
                self.push(car, live)
            }
        case .no: break
        }
    }

    private func push(_ car: Int64, _ live: LiveState) {
        if count == 0 { return }
        hub.publish(topic: Topic.vehicles(car), SharedFrame(text: Self.message("state_update") { $0.raw(live.json) }, key: "state.\(car)"))
    }

    /// The first message; made once for all who come until something changes.
    private func everything() -> SharedFrame {
        if let first { return first }
        let text = Self.message("init") { w in
            w.object { w in
                w.key("cars")
                w.array { w in for car in states.cars.keys.sorted() { w.raw(states.cars[car] ?? []) } }
                w.key("states")
                w.object { w in
                    for car in states.states.keys.sorted() {
                        w.key(String(car))
                        w.raw(states.states[car]?.json ?? [])
                    }
                }
            }
        }
        let frame = SharedFrame(text: text)
        first = frame
        return frame
    }

    private static func message(_ type: String, _ data: (inout JSONWriter) -> Void) -> [UInt8] {
        var w = JSONWriter(capacity: 1_536)
        w.object { w in
            w.member("type", type)
            w.key("data")
            data(&w)
        }
        return w.bytes
    }

    // MARK: WebSocketHandler

    func admit(_ request: Request) throws {
        guard scope != nil, try BearerToken.ofWebSocket(request) == nil else { return }
        throw TokenGuard.unauthorized("a token is needed: Authorization: Bearer …, or access_token=… in the query", isWrong: false)
    }

    func opened(_ socket: WebSocket, _ request: Request) {
        count += 1
        guard let scope else { return begin(socket) }
        _ = port.spawn { [self] in await check(scope, socket, request) }
    }

    private func check(_ scope: Scope, _ socket: WebSocket, _ request: Request) async {
        do {
            let holder = try await tokens.holder(of: try BearerToken.ofWebSocket(request))
            guard holder.scope.covers(scope) else { throw TokenGuard.forbidden(scope) }
            begin(socket)
        } catch {
            socket.close(.policyViolation, (error as? APIError)?.message ?? "the token cannot be checked now")
        }
    }

    private func beginEarly() {
        let waiting = early.values
        early = [:]
        for socket in waiting { begin(socket) }
    }

    private func begin(_ socket: WebSocket) {
        guard socket.isOpen else { return }
        guard states.isLoaded else {
            early[ObjectIdentifier(socket)] = socket
            return
        }
        // The first message grows with the number of cars: it does not make its client a slow one.
        socket.allowance = everything().bytes.count
        hub.subscribe(socket, [TopicPattern(Self.everything)].compactMap { $0 })
    }

    func received(_ socket: WebSocket, text: [UInt8]) { socket.send(Self.unknown) }

    func closed(_ socket: WebSocket) {
        count -= 1
        if early.removeValue(forKey: ObjectIdentifier(socket)) == nil { hub.closed(socket) }
    }
}
