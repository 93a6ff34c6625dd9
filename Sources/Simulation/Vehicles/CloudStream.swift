import Bytes
import Edge

/// The streaming side of the vehicle cloud: `/streaming/`. One socket may follow several cars.
final class CloudStream: WebSocketHandler {
    /// One car that one socket follows.
    private final class Subscription {
        let socket: WebSocket
        let car: CloudCar
        let tag: String
        /// What the last frame said, and when it went out.
        var content: String?
        var sentAt: Timestamp
        /// A frame that a fault has put off.
        var held: [UInt8]?

        init(_ socket: WebSocket, _ car: CloudCar, tag: String, at t: Timestamp) {
            self.socket = socket
            self.car = car
            self.tag = tag
            sentAt = t
        }
    }

    private final class Seat {
        var subscriptions: [Subscription] = []
    }

    /// A round of frames is spread over so many parts.
    private static let parts = 10
    /// Our own seconds between two frames at least, however fast the cloud's clock is.
    private static let shortestSeconds = 0.1
    /// Nothing to say for so many seconds: the subscription ends.
    private static let silenceSeconds = 10.0

    private unowned let cloud: VehicleCloud
    private var slots: [[Subscription]]
    private var turn = 0
    /// When the next slot is served; nil: nobody follows anything.
    private var due: Timestamp?

    init(_ cloud: VehicleCloud) {
        self.cloud = cloud
        var parts = Self.parts
        if case .byHand = cloud.clock.pace { parts = 1 }
        slots = Array(repeating: [], count: parts)
    }

    private var pace: Double {
        if case .running(let speed) = cloud.clock.pace { return max(1, speed) }
        return 1
    }

    /// Subscriptions that are open.
    var count: Int { slots.reduce(0) { $0 + $1.count } }

    // MARK: WebSocketHandler

    func opened(_ socket: WebSocket, _ request: Request) {
        socket.attachment = Seat()
        var w = JSONWriter()
        w.object { w in
            w.member("msg_type", "control:hello")
            w.member("connection_timeout", 0)
        }
        socket.send(text: w.bytes)
    }

    func received(_ socket: WebSocket, text: [UInt8]) {
        let parsed = try? JSONValue.parse(text)  // ok: what is no JSON is answered like any other nonsense
        let tag = parsed?["tag"]?.string ?? ""
        switch parsed?["msg_type"]?.string {
        case "data:subscribe_oauth": subscribe(socket, parsed?["token"]?.string, tag, parsed?["value"]?.string)
        case "data:unsubscribe": drop(socket, tag)
        default: socket.send(text: FrameText.error(tag: tag, "client_error", "unknown message"))
        }
    }

    func closed(_ socket: WebSocket) {
        for subscription in (socket.attachment as? Seat)?.subscriptions ?? [] { forget(subscription) }
    }

    // MARK: Subscriptions

    private func subscribe(_ socket: WebSocket, _ token: String?, _ tag: String, _ order: String?) {
        let t = cloud.clock.now
        func refuse(_ type: String, _ text: String, _ status: Int, _ car: CloudCar?) {
            cloud.counters.note(t, car?.id, .stream, status)
            socket.send(text: FrameText.error(tag: tag, type, text))
        }
        let car = Int64(tag).flatMap { cloud.car(vehicleID: $0) }
        guard let token, let account = cloud.tokens.account(token, at: t) else {
            return refuse("client_error", "Can't validate token. ", 401, car)
        }
        guard let car, car.account == account else { return refuse("client_error", "owner_api error:not_found", 404, nil) }
        guard order == FrameText.order else { return refuse("client_error", "unknown columns", 400, car) }
        switch car.look(t).state {
        case .offline: return refuse("vehicle_error", "Vehicle is offline", 408, car)
        case .asleep: return refuse("vehicle_disconnected", "vehicle disconnected", 408, car)
        case .online: break
        }
        drop(socket, tag)
        let subscription = Subscription(socket, car, tag: tag, at: t)
        (socket.attachment as? Seat)?.subscriptions.append(subscription)
        let slot = slots.indices.min { slots[$0].count < slots[$1].count } ?? 0
        slots[slot].append(subscription)
        cloud.counters.note(t, car.id, .stream, 101)
        cloud.counters.subscriptions += 1
        _ = serve(subscription, t)
        tick()
    }

    private func drop(_ socket: WebSocket, _ tag: String) {
        guard let seat = socket.attachment as? Seat else { return }
        for subscription in seat.subscriptions where subscription.tag == tag { forget(subscription) }
        seat.subscriptions.removeAll { $0.tag == tag }
    }

    private func forget(_ subscription: Subscription) {
        for i in slots.indices { slots[i].removeAll { $0 === subscription } }
    }

    // MARK: Frames

    /// Frames keep their rate: a slot is due at its time, however long the one before took.
    private func tick() {
        guard due == nil else { return }
        schedule(after: cloud.clock.now)
    }

    private func schedule(after last: Timestamp) {
        let round = max(cloud.frameSeconds, Self.shortestSeconds * cloud.clock.speed)
        let now = cloud.clock.now
        let next = max(last.adding(microseconds: Int64(round / Double(slots.count) * 1e6)), now)
        due = next
        cloud.clock.after(next.seconds(since: now)) { [weak self] in self?.step() }
    }

    private func step() {
        let t = cloud.clock.now
        let last = due ?? t
        due = nil
        turn = (turn + 1) % slots.count
        for subscription in slots[turn] where !serve(subscription, t) {
            forget(subscription)
            (subscription.socket.attachment as? Seat)?.subscriptions.removeAll { $0 === subscription }
        }
        if count > 0 { schedule(after: last) }
    }

    /// Sends what there is to say; false when the subscription is over.
    private func serve(_ subscription: Subscription, _ t: Timestamp) -> Bool {
        let car = subscription.car
        guard subscription.socket.isOpen else { return false }
        let (state, isFakeWake, condition) = car.look(t)
        func end(_ type: String, _ text: String) -> Bool {
            subscription.socket.send(text: FrameText.error(tag: subscription.tag, type, text))
            return false
        }
        switch state {
        case .offline: return end("vehicle_error", "Vehicle is offline")
        case .asleep: return end("vehicle_disconnected", "vehicle disconnected")
        case .online: break
        }
        var frame = FrameText(condition, isFakeWake: isFakeWake)
        let content = frame.content
        // A car that moves says so all the time; one that stands, when something has changed.
        if condition.shift == .park, content == subscription.content {
            if t.seconds(since: subscription.sentAt) < Self.silenceSeconds * pace { return true }
            return end("vehicle_disconnected", "vehicle disconnected")
        }
        subscription.content = content
        subscription.sentAt = t
        guard let fault = cloud.streamFaults.take(car: car.id, endpoint: .stream, at: t) else {
            emit(subscription, frame.value)
            return true
        }
        switch fault {
        case .duplicate:
            emit(subscription, frame.value)
            emit(subscription, frame.value)
        case .late: subscription.held = FrameText.message(tag: subscription.tag, value: frame.value)
        case .stale(let seconds):
            frame.fields[0] = String(Civil.floorDivide(t.microseconds - Int64(seconds * 1e6), 1_000))
            emit(subscription, frame.value)
        case .field(let n, let text):
            if frame.fields.indices.contains(n) { frame.fields[n] = text }
            emit(subscription, frame.value)
        case .value(let text): emit(subscription, text)
        case .lost: break
        case .vehicleDisconnected: return end("vehicle_disconnected", "vehicle disconnected")
        case .vehicleOffline: return end("vehicle_error", "Vehicle is offline")
        case .invalidToken: return end("client_error", "Can't validate token. ")
        case .ownerAPI: return end("client_error", "owner_api error:timeout")
        case .cut:
            subscription.socket.cut()
            return false
        case .garbage: subscription.socket.send("{\"msg_type\":\"data:upd")
        }
        return true
    }

    private func emit(_ subscription: Subscription, _ value: String) {
        cloud.counters.noteFrame()
        subscription.socket.send(text: FrameText.message(tag: subscription.tag, value: value))
        if let held = subscription.held {
            subscription.held = nil
            cloud.counters.noteFrame()
            subscription.socket.send(text: held)
        }
    }
}
