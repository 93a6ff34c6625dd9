import Bytes
import HTTP
import Postgres
import Protocol
import Reactor

/// Which of a loop's WebSockets hear a device's alerts: those of its owner and of the accounts it is shared with, as the database has it when the
/// alert comes, or had it a moment ago.
final class AlertAudience {
    /// How long what the database said of a device or a session is believed, ns.
    static let believedNs: Int64 = 5_000_000_000
    /// Devices remembered; past it all are forgotten.
    static let bound = 100_000
    /// Events that wait for a look-up; more are dropped, and counted.
    static let waitingBound = 10_000

    private struct Listener {
        let socket: WebSocket
        let account: Int64
        let session: String
    }

    private let hub: WebSocketHub
    private let pool: PostgresPool
    private let port: LoopPort
    private var listeners: [ObjectIdentifier: Listener] = [:]
    private var devices: [String: (accounts: Set<Int64>, untilNs: Int64)] = [:]
    /// Frames by topic, in their order.
    private var waiting: [String: [SharedFrame]] = [:]
    private var waitingCount = 0
    private var isChecking = false
    private(set) var dropped = 0

    init(_ hub: WebSocketHub, _ pool: PostgresPool, on loop: isolated EventLoop) {
        self.hub = hub
        self.pool = pool
        port = LoopPort(on: loop)
        hub.mayFollow = { [unowned self] socket, pattern in !Self.isPrivate(pattern) || listeners[ObjectIdentifier(socket)] != nil }
    }

    /// Whether a pattern asks for alerts alone. `*` gets those that its socket may hear.
    static func isPrivate(_ pattern: TopicPattern) -> Bool { Topic.stream(of: pattern.text) == Topic.Stream.alerts.rawValue }

    // MARK: Listeners

    func add(_ socket: WebSocket, _ principal: Principal) {
        let isFirst = listeners.isEmpty
        listeners[ObjectIdentifier(socket)] = Listener(socket: socket, account: principal.number, session: principal.session)
        guard isFirst, !isChecking else { return }
        isChecking = true
        port.every(Self.believedNs) { [weak self] in
            guard let self, !self.listeners.isEmpty else {
                self?.isChecking = false
                return false
            }
            _ = self.port.spawn { await self.checkSessions() }
            return true
        }
    }

    func remove(_ socket: WebSocket) { listeners[ObjectIdentifier(socket)] = nil }

    private static let sessions = Statement(
        """
        SELECT s.id::text FROM heliograph.session AS s JOIN heliograph.account AS a ON a.number = s.account
        WHERE s.id = ANY($1::text[]::uuid[]) AND s.revoked_at IS NULL AND s.expires_at > now() AND a.is_active
        """)

    /// Closes the sockets of those who have logged out since.
    private func checkSessions() async {
        let known = Array(Set(listeners.values.map(\.session)))
        do {
            let good = Set(try await pool.query(Self.sessions, Parameters(known), retryOnLoss: true).map { row in try row.next(String.self) })
            for listener in Array(listeners.values) where known.contains(listener.session) && !good.contains(listener.session) {
                listener.socket.close(.policyViolation, "logged out")
            }
        } catch {
            Log.warning("sessions of WebSockets not checked; tried again", ["error": "\(error)"])
        }
    }

    // MARK: Events

    /// Delivers an event of the topic `alerts.<device>`.
    func take(_ topic: String, _ frame: SharedFrame) {
        if listeners.isEmpty { return }
        if waiting[topic] == nil, let known = devices[topic], known.untilNs > Clock.monotonicNs { return deliver(topic, frame, known.accounts) }
        guard waitingCount < Self.waitingBound else {
            dropped += 1
            return
        }
        waitingCount += 1
        waiting[topic, default: []].append(frame)
        if waiting[topic]?.count == 1 { _ = port.spawn { [self] in await lookUp(topic) } }
    }

    private func deliver(_ topic: String, _ frame: SharedFrame, _ accounts: Set<Int64>) {
        if accounts.isEmpty { return }
        hub.publish(topic: topic, frame) { [listeners] socket in listeners[ObjectIdentifier(socket)].map { accounts.contains($0.account) } ?? false }
    }

    private static let readers = Statement(
        """
        SELECT d.owner FROM heliograph.device AS d WHERE d.id = $1::uuid AND d.owner IS NOT NULL
        UNION SELECT s.account FROM heliograph.device AS d JOIN heliograph.device_share AS s ON s.device = d.number WHERE d.id = $1::uuid
        """)

    private func lookUp(_ topic: String) async {
        var accounts: Set<Int64> = []
        do {
            let device = String(topic.dropFirst(Topic.alerts("").count))
            accounts = Set(try await pool.query(Self.readers, Parameters(device), retryOnLoss: true).map { row in try row.next(Int64.self) })
            if devices.count >= Self.bound { devices.removeAll(keepingCapacity: true) }
            devices[topic] = (accounts, Clock.monotonicNs + Self.believedNs)
        } catch {
            Log.warning("alerts not delivered: who may see the device cannot be asked", ["topic": topic, "error": "\(error)"])
        }
        let frames = waiting.removeValue(forKey: topic) ?? []
        waitingCount -= frames.count
        for frame in frames { deliver(topic, frame, accounts) }
    }
}
