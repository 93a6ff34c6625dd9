import Bytes
import Testing

/// A type of the spec: `name:type`, `name?:type` for members that may be absent, `type|null`; `+name:type` is ours, beside the spec's.
struct Shape {
    let text: String
    init(_ text: String) { self.text = text }

    static let device = Shape(
        "id:uuid owner_id:uuid|null name:string device_type:string status:string api_key_prefix:string created_at:time updated_at:time"
            + " last_seen_at:time|null metadata?:object")
    static let config = Shape(
        "device_id:uuid low_battery_threshold:number critical_battery_threshold:number report_interval_seconds:number"
            + " high_temperature_threshold:number updated_at?:time +rapid_drain_percent:number +rapid_drain_minutes:number")
    static let token = Shape(
        "id:uuid device_id:uuid name:string token?:string token_prefix:string permission:string is_revoked:boolean expires_at:time|null"
            + " last_used_at:time|null use_count:number created_at:time +allowed_ips:array +rate_limit_per_minute:number|null")
    static let share = Shape("id:uuid device_id:uuid user_id:uuid username:string email:string permission:string created_at:time")
    static let latest = Shape(
        "device_id:uuid battery_level:number is_charging:boolean power_saving_mode:string recorded_at:time is_low_battery:boolean"
            + " is_critical:boolean temperature?:number voltage?:number")
    static let data = Shape(
        "id:string device_id:uuid battery_level:number is_charging:boolean power_saving_mode:string temperature?:number voltage?:number"
            + " recorded_at:time created_at:time")
    static let bucket = Shape("bucket:time avg_level:number min_level:number max_level:number count:number")
    static let stats = Shape(
        "device_id:uuid period_start:time period_end:time avg_battery_level:number min_battery_level:number max_battery_level:number"
            + " total_records:number charging_duration_minutes:number low_battery_count:number")
    static let rule = Shape(
        "id:uuid user_id?:uuid name:string alert_type:string level:string cooldown_minutes:number enabled:boolean created_at:time"
            + " updated_at:time +notify_email:boolean")
    static let event = Shape(
        "id:uuid device_id:uuid rule_id:uuid alert_type:string level:string status:string message:string value:number threshold:number"
            + " triggered_at:time acknowledged_at:time|null resolved_at:time|null")
    static let pagination = Shape("page:number page_size:number total_items:number total_pages:number")

    /// What does not fit; empty when all does.
    func faults(_ json: JSONValue?) -> [String] {
        guard let members = json?.object else { return ["no object"] }
        var faults: [String] = []
        var known: Set<String> = []
        for part in text.split(separator: " ") {
            let pieces = part.split(separator: ":")
            let name = String(pieces[0].filter { $0 != "?" && $0 != "+" })
            known.insert(name)
            guard let value = members.first(where: { $0.key == name })?.value else {
                if !pieces[0].contains("?") { faults.append("\(name) is absent") }
                continue
            }
            if !pieces[1].split(separator: "|").contains(where: { Self.fits(value, $0) }) { faults.append("\(name) is \(value)") }
        }
        return faults + members.filter { !known.contains($0.key) }.map { "\($0.key) is unknown" }
    }

    private static func fits(_ value: JSONValue, _ type: Substring) -> Bool {
        switch type {
        case "string": value.string != nil
        case "number": value.double != nil
        case "boolean": value.bool != nil
        case "object": value.object != nil
        case "array": value.array != nil
        case "null": value.isNull
        case "uuid": value.string.map { $0.utf8.count == 36 } ?? false
        case "time": value.string.flatMap { $0.hasSuffix("Z") ? RFC3339.parse($0) : nil } != nil
        default: false
        }
    }
}
