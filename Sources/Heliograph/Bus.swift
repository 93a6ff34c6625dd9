import Protocol
import ZeroMQ

/// The brokers that a part talks to, and the key it shows them.
struct Bus: Sendable {
    let context: ZMQContext
    var endpoints: [BusEndpoint]
    var keys: CurveKeys?

    /// Brokers from `HELIOGRAPH_BROKERS`, else the one that `up` or `broker` runs on this data directory.
    init(_ settings: Settings, _ data: DataDirectory, key: String) throws {
        context = ZMQContext()
        endpoints = []
        for entry in settings["HELIOGRAPH_BROKERS"].split(separator: ";") {
            let parts = entry.split(separator: ",").map(String.init)
            guard (2...3).contains(parts.count) else {
                throw UsageError("HELIOGRAPH_BROKERS: expected 'work-address,topics-address[,public-key]', found '\(entry)'")
            }
            if parts.count == 2, BusEndpoint.isOpen(parts[0]) { throw UsageError("HELIOGRAPH_BROKERS: \(parts[0]) needs the broker's public key") }
            endpoints.append(BusEndpoint(work: parts[0], topics: parts[1], serverKey: parts.count == 3 ? parts[2] : nil))
        }
        if endpoints.isEmpty { endpoints = [try data.endpoint(broker: "broker")] }
        if endpoints.contains(where: { $0.serverKey != nil }) {
            guard let keys = try KeysCommand.client(key, data) else {
                throw UsageError("no key for this part: heliograph keys new \(key) --role …")
            }
            self.keys = keys
        }
    }

    init(context: ZMQContext, endpoints: [BusEndpoint]) {
        self.context = context
        self.endpoints = endpoints
    }
}
