import Bytes
import Postgres

/// Where a car stood before an input: the machine's memory, the rows that were open, whole, and the times of the newest rows of each kind. What is
/// newer was derived from the inputs that follow. A car's clock may be set back, and what it sends then is older: there the ids tell.
///
/// `{"memory":{…}|null,"open":{"drive":{row}|null,"charge","parking","update","state"},"last":{"drive":time|null,"charge","parking","update","state",
/// "position","point","event"},"ids":{"position":id|null,"point","event"}}`; `point` and `event` are of the open charge and parking.
struct Checkpoint {
    /// nil: of a car of which nothing was known.
    var memory: JSONValue?
    var open: [(key: String, value: JSONValue)]
    private var last: JSONValue
    private var ids: JSONValue
    let at: Timestamp
    let number: Int64

    init?(_ json: [UInt8], at: Timestamp, number: Int64) {
        guard case .success(let value) = Result(catching: { () throws(JSONError) in try JSONValue.parse(json) }),
            let open = value["open"]?.object, let last = value["last"], let memory = value["memory"], let ids = value["ids"]
        else { return nil }
        self.memory = memory.isNull ? Optional.none : memory
        self.open = open
        self.last = last
        self.ids = ids
        self.at = at
        self.number = number
    }

    /// A vehicle's time lies before ours by so much at most, in seconds.
    private static let believedSeconds: Int64 = 3_600

    /// Rows of this kind after this time were derived after the checkpoint. Where there was none, and nothing was known of the car, all that can have
    /// followed: rows that somebody has brought in from elsewhere stay.
    func bound(_ kind: String) -> Timestamp {
        if let time = last[kind]?.string.flatMap({ RFC3339.parse($0) }) { return time }
        return memory == nil ? at.adding(seconds: -Self.believedSeconds).adding(microseconds: -1) : Timestamp(microseconds: 0)
    }

    /// Rows of this kind with larger ids, and times that can have been believed after the checkpoint, were derived after it too.
    func late(_ kind: String) -> (id: Int64, after: Timestamp)? {
        ids[kind]?.int.map { (Int64($0), at.adding(seconds: -Self.believedSeconds)) }
    }

    func id(_ kind: String) -> Int64? { open.first { $0.key == kind }?.value["id"]?.int.map(Int64.init) }

    var openRows: OpenRows { OpenRows(drive: id("drive"), charge: id("charge"), parking: id("parking"), updating: id("update")) }

    /// Of these cars, as they stand in the transaction, at the times given: their numbers and the documents.
    static let select = Statement(document)

    /// Of those that have none on the time's UTC day.
    static let selectMissing = Statement(
        document + """
             WHERE NOT EXISTS (
                SELECT FROM heliograph.vehicle_journal AS j WHERE j.kind = 8 AND j.car = u.car
                    AND j.at >= date_trunc('day', u.at, 'UTC') AND j.at < date_trunc('day', u.at, 'UTC') + interval '1 day')
            """)

    private static let document = """
        SELECT m.car, jsonb_build_object(
            'memory', m.memory,
            'open', jsonb_build_object(
                'drive', (SELECT to_jsonb(r) FROM heliograph.drive AS r WHERE r.id = m.drive),
                'charge', (SELECT to_jsonb(r) FROM heliograph.charge AS r WHERE r.id = m.charge),
                'parking', (SELECT to_jsonb(r) FROM heliograph.parking AS r WHERE r.id = m.parking),
                'update', (SELECT to_jsonb(r) FROM heliograph.car_update AS r WHERE r.id = m.updating),
                'state', (SELECT to_jsonb(r) FROM heliograph.car_state AS r WHERE r.car = m.car AND r.ended_at IS NULL)),
            'last', jsonb_build_object(
                'drive', (SELECT max(r.started_at) FROM heliograph.drive AS r WHERE r.car = m.car),
                'charge', (SELECT max(r.started_at) FROM heliograph.charge AS r WHERE r.car = m.car),
                'parking', (SELECT max(r.started_at) FROM heliograph.parking AS r WHERE r.car = m.car),
                'update', (SELECT max(r.started_at) FROM heliograph.car_update AS r WHERE r.car = m.car),
                'state', (SELECT max(r.started_at) FROM heliograph.car_state AS r WHERE r.car = m.car),
                'position', (SELECT r.recorded_at FROM heliograph.position AS r WHERE r.car = m.car ORDER BY r.recorded_at DESC LIMIT 1),
                'point', (SELECT max(r.recorded_at) FROM heliograph.charge_point AS r WHERE r.charge = m.charge),
                'event', (SELECT max(r.event_time) FROM heliograph.parking_event AS r WHERE r.parking = m.parking)),
            'ids', jsonb_build_object(
                'position', (
                    SELECT max(r.id) FROM heliograph.position AS r WHERE r.car = m.car AND r.recorded_at > u.at - interval '1 hour'),
                'point', (SELECT max(r.id) FROM heliograph.charge_point AS r WHERE r.charge = m.charge),
                'event', (SELECT max(r.id) FROM heliograph.parking_event AS r WHERE r.parking = m.parking)))
        FROM unnest($1::bigint[], $2::timestamptz[]) AS u(car, at) JOIN heliograph.car_memory AS m ON m.car = u.car
        """
}
