import Bytes
import Protocol

/// What a car does now, as clients get it.
struct LiveState {
    let state: VehicleStateName
    let value: JSONValue
    /// `{"car_id":…}`.
    let json: [UInt8]
    /// `{"data":{"car_id":…}}`.
    let reply: [UInt8]

    /// From an event; its bytes are kept as they came. nil for what is no state of this car.
    init?(payload: [UInt8], of car: Int64) {
        guard let value = try? JSONValue.parse(payload) else { return nil }  // ok: the caller says what came
        self.init(value, payload, of: car)
    }

    /// From the database, where members have lost their order.
    init?(_ view: JSONValue, of car: Int64) {
        guard let members = view.object else { return nil }
        let ordered = JSONValue.object(members.enumerated().sorted { (Self.place($0), $0.offset) < (Self.place($1), $1.offset) }.map(\.element))
        self.init(ordered, ordered.bytes, of: car)
    }

    private init?(_ value: JSONValue, _ json: [UInt8], of car: Int64) {
        guard value["car_id"]?.int == Int(car), let state = value["state"]?.string.flatMap(VehicleStateName.init) else { return nil }
        self.state = state
        self.value = value
        self.json = json
        var w = JSONWriter(capacity: json.count + 16)
        w.object { w in
            w.key("data")
            w.raw(json)
        }
        reply = w.bytes
    }

    /// The spec's members and their order, as `VehicleView` writes them.
    private static let places: [String: Int] = {
        var w = JSONWriter()
        VehicleView(car: 0, state: .online, since: Timestamp(seconds: 0), lastUsed: Timestamp(seconds: 0)).write(to: &w)
        let members = (try? JSONValue.parse(w.bytes))?.object ?? []  // ok: what VehicleView writes is JSON
        return Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.key, $0) })
    }()

    private static func place(_ member: (offset: Int, element: (key: String, value: JSONValue))) -> Int { places[member.element.key] ?? .max }
}
