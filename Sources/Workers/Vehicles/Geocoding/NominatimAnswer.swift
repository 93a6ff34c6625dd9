import Bytes

/// Nominatim's reverse geocoder (reference §3.6). Takes WGS-84; says 200 with an error where a place has no address.
enum NominatimAnswer {
    static let usualURL = "https://nominatim.openstreetmap.org"

    static func url(_ base: String, latitude: Double, longitude: Double) -> String {
        "\(base)/reverse?format=jsonv2&addressdetails=1&zoom=18&lat=\(URLText.degrees(latitude))&lon=\(URLText.degrees(longitude))"
    }

    static func read(status: Int, _ body: [UInt8]) -> PlaceAnswer {
        // "Access blocked": who asks is not welcome, and is not to insist.
        if status == 403 { return .refused("nominatim: 403 \(String(decoding: body.prefix(200), as: UTF8.self))") }
        if let failure = PlaceAnswer.ofStatus(status) { return failure }
        guard let json = PlaceAnswer.json(body), json.object != nil else { return .failed("not an answer of nominatim's") }
        if let error = json["error"] {
            let text = error.string ?? error["message"]?.string ?? "no reason"
            return text.hasPrefix("Unable to geocode") ? .nothing : .failed("nominatim: \(text)")
        }
        let parts = json["address"] ?? .null
        func first(_ names: String...) -> String? {
            for name in names { if let text = parts[name]?.string, !text.isEmpty { return text } }
            return nil
        }
        var address = PlaceAddress()
        address.formatted = json["display_name"]?.string
        address.country = first("country")
        address.province = first("state", "province", "territory", "region")
        address.city = first("city", "town", "village", "municipality", "hamlet") ?? first("state_district", "county")
        address.district = first("city_district", "district", "borough", "suburb", "county")
        address.township = first("quarter", "neighbourhood", "suburb")
        address.street = first("road", "pedestrian", "footway", "residential", "path", "cycleway", "square")
        address.number = first("house_number")
        return address.isEmpty ? .nothing : .address(address)
    }
}

extension PlaceAnswer {
    /// What an HTTP status says by itself; nil: look at the body.
    static func ofStatus(_ status: Int) -> PlaceAnswer? {
        switch status {
        case 200: nil
        case 429: .later(.nextMinute, reason: "status 429")
        case 408, 425, 500...: .failed("status \(status)")
        default: .refused("status \(status)")
        }
    }

    static func json(_ body: [UInt8]) -> JSONValue? {
        switch Result(catching: { () throws(JSONError) in try JSONValue.parse(body) }) {
        case .success(let json): json
        case .failure: nil
        }
    }
}
