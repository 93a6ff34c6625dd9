import CPostgreSQL
public import Reactor

/// A connection of its own that hears NOTIFY. It reconnects by itself; what was sent in between is lost, which `onListening` is for.
public final class PostgresListener: LinkOwner {
    private let link: Link
    private let channels: [String]
    private let onListening: () -> Void
    private let onNotify: (_ channel: String, _ payload: String) -> Void
    private var awaitsAnswer = false
    private var failure: PostgresError?
    /// How often the connection was lost.
    public private(set) var losses = 0
    /// Whether notifications arrive now.
    public private(set) var isListening = false

    /// Begins to listen. `onReconnect` is called each time listening has taken effect, the first time too: the moment to look for what was
    /// missed. Channel names are taken as they are (`LISTEN "name"`). Both closures run on the loop.
    public init(
        _ config: PostgresConfig, channels: [String], on loop: isolated EventLoop, onReconnect: @escaping () -> Void = {},
        onNotify: @escaping (_ channel: String, _ payload: String) -> Void
    ) {
        self.channels = channels
        onListening = onReconnect
        self.onNotify = onNotify
        link = Link(config, on: loop)
        link.owner = self
        link.connect()
    }

    /// Stops listening and disconnects. A listener must be closed.
    public func close() {
        isListening = false
        link.close()
    }

    func linkIsReady() {
        guard let connection = link.connection else { return }
        let names = channels.map { name in "\"" + name.map { $0 == "\"" ? "\"\"" : "\($0)" }.joined() + "\"" }
        let sql = names.map { "LISTEN \($0)" }.joined(separator: "; ")
        failure = nil
        awaitsAnswer = true
        guard PQsendQuery(connection, sql) == 1 else { return link.drop(.lost(connection, "cannot send LISTEN")) }
        link.flush()
    }

    func linkHasInput() {
        guard let connection = link.connection else { return }
        while PQisBusy(connection) == 0, awaitsAnswer {
            guard let result = PQgetResult(connection) else {
                awaitsAnswer = false
                if let failure { return link.drop(failure) }
                isListening = true
                onListening()
                break
            }
            if PQresultStatus(result) == PGRES_FATAL_ERROR { failure = PostgresError(result: result) }
            PQclear(result)
        }
        // A callback may close the listener.
        while connection == link.connection, let notification = PQnotifies(connection) {
            let channel = String(cString: notification.pointee.relname)
            let payload = notification.pointee.extra.map { String(cString: $0) } ?? ""
            PQfreemem(notification)
            onNotify(channel, payload)
        }
    }

    func linkIsFlushed() {}

    func linkIsLost(_ error: PostgresError) {
        isListening = false
        awaitsAnswer = false
        losses += 1
    }
}
