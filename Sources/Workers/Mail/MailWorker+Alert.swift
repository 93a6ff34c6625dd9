import Bytes
import Postgres
import Protocol
import Reactor

extension MailWorker {
    func tell(_ context: JobContext, on loop: isolated EventLoop) async throws {
        guard let event = try context.json()["event"]?.string.map({ $0.lowercased() }), Self.isUUID(event) else {
            throw JobFailure(#"args must be {"event": uuid}"#, isRetryable: false)
        }
        let rows = try await pool.query(Self.selectEvent, Parameters(event))
        guard rows.count == 1 else { return try context.setOutput(["skipped": "there is no such event"]) }
        guard let email = try rows.stringIfPresent(0, 7), try rows.bool(0, 9) else {
            return try context.setOutput(["skipped": "its device has no owner with an address"])
        }
        let text = AlertMail(
            device: try rows.string(0, 0), alertType: try rows.string(0, 1), level: try rows.string(0, 2), message: try rows.string(0, 3),
            value: try rows.double(0, 4), threshold: try rows.double(0, 5), triggeredAt: try rows.timestamp(0, 6), offset: offset)
        let message = try await send("alert.\(event)", to: email, text.content(MailLanguage(try rows.stringIfPresent(0, 8))))
        try context.setOutput(["sent": .string(message.messageID)])
        try await end(context, nil, on: loop)
    }

    static func isUUID(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return parts.map(\.count) == [8, 4, 4, 4, 12] && parts.allSatisfy { $0.allSatisfy { ASCII.hexValue($0) != nil } }
    }

    private static let selectEvent: Statement = """
        SELECT d.name, e.alert_type, e.level, e.message, e.value, e.threshold, e.triggered_at, a.email, a.metadata ->> 'locale', coalesce(a.is_active, false)
        FROM heliograph.alert_event AS e
        JOIN heliograph.device AS d ON d.number = e.device
        LEFT JOIN heliograph.account AS a ON a.number = d.owner
        WHERE e.id = $1::uuid
        """
}
