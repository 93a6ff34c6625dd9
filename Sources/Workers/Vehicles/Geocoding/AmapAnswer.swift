import Bytes

/// amap's reverse geocoder (reference §3.6): takes GCJ-02, answers 200 whatever happens, and writes `[]` for what is empty.
enum AmapAnswer {
    static let usualURL = "https://restapi.amap.com"

    /// - Parameters: WGS-84.
    static func url(_ base: String, key: String, latitude: Double, longitude: Double) -> String {
        let place = ChinaCoordinates.gcj02(latitude, longitude)
        return
            "\(base)/v3/geocode/regeo?key=\(URLText.escaped(key))&location=\(URLText.degrees(place.longitude)),\(URLText.degrees(place.latitude))&extensions=base"
    }

    static func read(status: Int, _ body: [UInt8]) -> PlaceAnswer {
        if let failure = PlaceAnswer.ofStatus(status) { return failure }
        guard let json = PlaceAnswer.json(body), let ok = json["status"]?.string else { return .failed("not an answer of amap's") }
        guard ok == "1" else {
            let code = json["infocode"]?.string ?? ""
            return refusal(code, "amap \(code): \(json["info"]?.string ?? "no reason")")
        }
        guard let code = json["regeocode"], let parts = code["addressComponent"] else { return .elsewhere }
        var address = PlaceAddress()
        address.formatted = text(code["formatted_address"])
        address.country = text(parts["country"])
        address.province = text(parts["province"])
        // Municipalities have no city but themselves.
        address.city = text(parts["city"]) ?? address.province
        address.district = text(parts["district"])
        address.township = text(parts["township"])
        address.street = text(parts["streetNumber"]?["street"])
        address.number = text(parts["streetNumber"]?["number"])
        // Abroad all of it is empty, or all but the country.
        return address.formatted == nil && address.province == nil ? .elsewhere : .address(address)
    }

    private static func text(_ value: JSONValue?) -> String? { value?.string.flatMap { $0.isEmpty ? Optional.none : $0 } }

    private static func refusal(_ code: String, _ reason: String) -> PlaceAnswer {
        switch code {
        // A day's requests of the key, the account, or a service.
        case "10003", "10044", "10045", "40000", "40002", "40003": .later(.nextDay, reason: reason)
        // A minute's.
        case "10004": .later(.nextMinute, reason: reason)
        // A second's.
        case "10014", "10015", "10019", "10020", "10021", "10022", "10029": .later(.nextSecond, reason: reason)
        // Busy, out of service, timed out, unknown.
        case "10016", "10017", "20003", "": .failed(reason)
        // The key, its kind, its rights, its addresses, its signature; or parameters that it does not take.
        default: .refused(reason)
        }
    }
}
