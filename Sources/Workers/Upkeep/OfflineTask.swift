import Bytes
import Postgres
import Protocol

/// Finds devices that have fallen silent. When a silence may be an alert is scheduled by their reports; it is looked again before one is made.
///
/// Devices in maintenance, disabled, without an owner who has asked for it, or never seen are left alone. One whose state is locked has just
/// been heard.
package final class OfflineTask: UpkeepTask {
    package let name = "offline"
    package let intervalNs: Int64 = 1_000_000_000
    /// Devices of one transaction.
    private static let step = 500

    private let publish: (_ topic: String, _ payload: [UInt8]) -> Void

    /// `publish` gets each event once it is committed.
    package init(publish: @escaping (_ topic: String, _ payload: [UInt8]) -> Void) { self.publish = publish }

    private static let due = Statement(
        """
        SELECT s.device FROM heliograph.battery_latest AS s
        JOIN heliograph.device AS d ON d.number = s.device AND d.set_status IS NULL
        JOIN heliograph.alert_rule AS r ON r.account = d.owner AND r.alert_type = 'device_offline' AND r.enabled
        WHERE s.offline_at <= now() ORDER BY s.offline_at LIMIT $1
        """)
    private static let lock = Statement(
        """
        SELECT device FROM heliograph.battery_latest WHERE device = ANY($1::bigint[]) AND offline_at <= now() ORDER BY device FOR UPDATE SKIP LOCKED
        """)
    private static let read = Statement(
        """
        SELECT d.number, l.seen_at, d.report_interval_s, greatest(r.updated_at, d.updated_at),
            (SELECT max(e.triggered_at) FROM heliograph.alert_event AS e WHERE e.device = d.number AND e.alert_type = 'device_offline'),
            r.cooldown_minutes, r.id::text, r.level, r.notify_email, now()
        FROM heliograph.device AS d JOIN heliograph.battery_latest AS l ON l.device = d.number
        JOIN heliograph.alert_rule AS r ON r.account = d.owner AND r.alert_type = 'device_offline' AND r.enabled
        WHERE d.number = ANY($1::bigint[]) AND d.set_status IS NULL
        """)

    package func run(_ turn: UpkeepTurn) async throws {
        while turn.mayWork() {
            let rows = try await turn.pool.query(Self.due, Parameters(Self.step))
            let devices = try rows.map { row in try row.next(Int64.self) }
            guard !devices.isEmpty else { return }
            let publications = try await turn.pool.transaction { transaction in try await Self.look(devices, transaction) }
            for publication in publications { publish(publication.topic, publication.payload) }
            guard devices.count == Self.step else { return }
        }
    }

    private static func look(_ devices: [Int64], _ transaction: PostgresTransaction) async throws -> [AlertPublication] {
        let locked = try await transaction.query(lock, Parameters(devices)).map { row in try row.next(Int64.self) }
        guard !locked.isEmpty else { return [] }
        let rows = try await transaction.query(read, Parameters(locked))
        var writes = AlertWrites()
        var next: [(device: Int64, at: Timestamp?)] = []
        for row in 0..<rows.count {
            let device = try rows.int64(row, 0)
            let interval = try rows.int64(row, 2)
            let rule = AlertRule(
                id: try rows.string(row, 6), level: try rows.string(row, 7), cooldownMinutes: try rows.int64(row, 5), wantsMail: try rows.bool(row, 8))
            let silence = AlertMachine.silence(
                seen: try rows.timestamp(row, 1), reportInterval: interval, since: try rows.timestamp(row, 3), last: try rows.timestampIfPresent(row, 4),
                cooldownMinutes: rule.cooldownMinutes, now: try rows.timestamp(row, 9))
            switch silence {
            case .wait(let until): next.append((device, until))
            case .offline(let at):
                // s of silence, and how many are allowed.
                let silent = max(0, at.microseconds - (try rows.timestamp(row, 1)).microseconds) / 1000
                let episode = AlertEpisode(
                    type: .deviceOffline, triggered: at, ended: nil, value: silent, threshold: AlertMachine.silenceSeconds(reportInterval: interval) * 1000)
                var difference = AlertDifference(inOrder: [])
                difference.openings.append(AlertDifference.Opening(episode: episode, rule: rule))
                writes.add(difference, device: device, AlertSettings())
                next.append((device, nil))
            }
        }
        guard !next.isEmpty else { return [] }
        transaction.enqueue(AlertSQL.schedule, Parameters(next.map(\.device), next.map(\.at)))
        return try await writes.write(transaction)
    }
}
