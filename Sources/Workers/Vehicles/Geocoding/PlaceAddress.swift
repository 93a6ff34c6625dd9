import Bytes

/// An address as the vehicle spec writes it. What is not known is left out.
struct PlaceAddress: Hashable {
    var formatted: String?
    var country: String?
    var province: String?
    var city: String?
    var district: String?
    var township: String?
    var street: String?
    var number: String?

    var isEmpty: Bool { self == PlaceAddress() }

    var json: [UInt8] {
        var w = JSONWriter()
        w.object { w in
            if let formatted { w.member("formatted_address", formatted) }
            if let country { w.member("country", country) }
            if let province { w.member("province", province) }
            if let city { w.member("city", city) }
            if let district { w.member("district", district) }
            if let township { w.member("township", township) }
            if let street { w.member("street", street) }
            if let number { w.member("street_number", number) }
        }
        return w.bytes
    }
}
