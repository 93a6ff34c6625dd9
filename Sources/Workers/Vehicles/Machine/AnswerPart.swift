import Bytes

/// An object of an answer, read by one who expects anything: what is missing, null, of another type or out of its range is nil.
struct AnswerPart {
    let object: JSONValue

    /// nil: there is no such object.
    init?(_ value: JSONValue?) {
        guard let value, value.object != nil else { return nil }
        object = value
    }

    func number(_ name: String, _ range: ClosedRange<Double>) -> Double? {
        guard let value = object[name]?.double, range.contains(value) else { return nil }
        return value
    }

    /// A number as a whole one; true and false as 1 and 0.
    func whole(_ name: String, _ range: ClosedRange<Int>) -> Int? {
        switch object[name] {
        case .int(let value)?: range.contains(value) ? value : nil
        case .double(let value)?: Self.whole(value, range)
        case .bool(let value)?: range.contains(value ? 1 : 0) ? (value ? 1 : 0) : nil
        default: nil
        }
    }

    static func whole(_ value: Double, _ range: ClosedRange<Int>) -> Int? {
        guard value.magnitude < 1e15 else { return nil }
        let rounded = Int(value.rounded())
        return range.contains(rounded) ? rounded : nil
    }

    /// true, false, or a number that is 0 or not.
    func flag(_ name: String) -> Bool? {
        switch object[name] {
        case .bool(let value)?: value
        case .int(let value)?: value != 0
        default: nil
        }
    }

    /// Whether one of several things that are shut at 0 is not; nil: of none it is known.
    func isAnyOpen(_ names: String...) -> Bool? {
        let known = names.compactMap(flag)
        return known.isEmpty ? nil : known.contains(true)
    }

    /// A short text; one that no database would keep (NUL) is none, nor is "<invalid>".
    func text(_ name: String) -> String? {
        guard let text = object[name]?.string, text != "<invalid>", text.utf8.count <= 200, !text.utf8.contains(0) else { return nil }
        return text
    }

    /// Milliseconds since 1970.
    func time(_ name: String) -> Timestamp? {
        guard let ms = whole(name, 1...253_402_300_799_000), object[name]?.bool == nil else { return nil }
        return Timestamp(microseconds: Int64(ms) * 1000)
    }
}

/// The car's units into ours.
enum CarUnits {
    static let kmOfMile = 1.609344

    /// mph → km/h, rounded.
    static func speed(_ mph: Double) -> Int { Int((mph * kmOfMile).rounded()) }
    /// mi → km, 6 decimals.
    static func odometer(_ miles: Double) -> Double { round(miles * kmOfMile, 1e6) }
    /// mi → km, 2 decimals.
    static func range(_ miles: Double) -> Double { round(miles * kmOfMile, 100) }

    static func round(_ value: Double, _ scale: Double) -> Double { (value * scale).rounded() / scale }

    // What may come, in the car's units; what lies outside is not believed.
    static let latitudes = -90.0...90.0
    static let longitudes = -180.0...180.0
    static let speedsMph = -150.0...400.0
    static let odometersMiles = 0.0...10_000_000.0
    static let rangesMiles = 0.0...2_000.0
    static let powers = -2_000...2_000
    static let headings = 0...360
    static let percents = 0...100
    static let temperatures = -90.0...150.0
    static let pressures = 0.0...20.0
    /// m.
    static let elevations = -1_000...10_000
}
