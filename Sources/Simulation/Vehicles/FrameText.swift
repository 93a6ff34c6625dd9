import Bytes

/// The 13 fields of a frame: ms, mph, mi, %, m, degrees, latitude, longitude, kW, shift, mi, mi, degrees. Any may be empty.
struct FrameText {
    static let order = "speed,odometer,soc,elevation,est_heading,est_lat,est_lng,power,shift_state,range,est_range,heading"

    var fields: [String]

    init(_ now: CarCondition, isFakeWake: Bool) {
        func whole(_ value: Double) -> String { String(Int(value.rounded())) }
        func decimal(_ value: Double, _ decimals: Int) -> String {
            var out: [UInt8] = []
            JSONWriter.append(VehicleDataWriter.rounded(value, decimals), to: &out)
            return String(decoding: out, as: UTF8.self)
        }
        let isParked = now.shift == .park
        let miles = now.ratedRangeKm / VehicleDataWriter.kmPerMile
        let heading = String(Int(now.heading.rounded()) % 360)
        fields = [
            String(Civil.floorDivide(now.at.microseconds, 1_000)),
            isParked ? "" : whole(now.speedKmh / VehicleDataWriter.kmPerMile),
            decimal(now.odometerKm / VehicleDataWriter.kmPerMile, 1),
            whole(now.level * 100),
            whole(now.elevationM),
            heading,
            decimal(now.point.latitude, 6),
            decimal(now.point.longitude, 6),
            isFakeWake ? "" : whole(now.powerKw),
            isParked ? "" : now.shift.rawValue,
            whole(miles),
            whole(miles * 0.914),
            heading,
        ]
    }

    /// Everything but the time.
    var content: String { fields.dropFirst().joined(separator: ",") }
    var value: String { fields.joined(separator: ",") }

    /// A frame as it goes over the socket. Its fields are digits and letters, unless a fault says otherwise.
    static func message(tag: String, value: String) -> [UInt8] {
        var w = JSONWriter(capacity: 192)
        w.object { w in
            w.member("msg_type", "data:update")
            w.member("tag", tag)
            w.member("value", value)
        }
        return w.bytes
    }

    static func error(tag: String, _ type: String, _ value: String) -> [UInt8] {
        var w = JSONWriter()
        w.object { w in
            w.member("msg_type", "data:error")
            w.member("tag", tag)
            w.member("error_type", type)
            w.member("value", value)
        }
        return w.bytes
    }
}
