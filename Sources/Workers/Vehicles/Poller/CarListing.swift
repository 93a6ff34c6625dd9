import Bytes

/// A car of an account's list of products.
struct ListedCar: Equatable {
    var teslaID: Int64
    var vehicleID: Int64
    var vin: String
    var name: String
    /// The list's text about it.
    var json: JSONValue
}

/// A car that is known, as its list is compared with it.
struct KnownCar: Equatable {
    var number: Int64
    var teslaID: Int64
    var vehicleID: Int64
    var vin: String
    var isGone = false
}

/// An account's list of products, `{"response":[…],"count":n}` (reference §3.2, §8): cars and what is none.
enum CarListing {
    /// The cars; nil: this is no list. What has no usable ids is no car.
    static func read(_ answer: JSONValue) -> [ListedCar]? {
        guard let products = answer["response"]?.array else { return nil }
        var seen: Set<Int64> = []
        return products.compactMap { product in
            guard let vehicleID = id(product["vehicle_id"]), let teslaID = id(product["id_s"]) ?? id(product["id"]), seen.insert(teslaID).inserted else {
                return nil
            }
            return ListedCar(
                teslaID: teslaID, vehicleID: vehicleID, vin: text(product["vin"], 32), name: text(product["display_name"], 200), json: product)
        }
    }

    /// Ids are larger than 2^53 now and then: as text, or as a whole number that was read exactly.
    private static func id(_ value: JSONValue?) -> Int64? {
        guard let id = value?.int.map(Int64.init) ?? value?.string.flatMap({ Int64($0) }), id > 0 else { return nil }
        return id
    }

    private static func text(_ value: JSONValue?, _ most: Int) -> String {
        guard let text = value?.string, !text.utf8.contains(0) else { return "" }
        return String(text.prefix(most))
    }

    /// What a list changes.
    struct Changes: Equatable {
        /// Known cars with what the list says of them, in the list's order.
        var present: [(number: Int64, car: ListedCar)] = []
        var new: [ListedCar] = []
        /// Numbers of known cars that are not in it.
        var gone: [Int64] = []

        static func == (a: Changes, b: Changes) -> Bool {
            a.new == b.new && a.gone == b.gone && a.present.map(\.number) == b.present.map(\.number) && a.present.map(\.car) == b.present.map(\.car)
        }
    }

    /// Finds the listed cars among the known ones: by id, else by the id of the stream, else by the VIN, where that car is not in the list otherwise.
    /// Two cars with one VIN in a list are two cars.
    static func compare(_ listed: [ListedCar], _ known: [KnownCar]) -> Changes {
        var left = known
        var found = [Int64?](repeating: nil, count: listed.count)
        func match(_ isSame: (KnownCar, ListedCar) -> Bool) {
            for (i, car) in listed.enumerated() where found[i] == nil {
                guard let at = left.firstIndex(where: { isSame($0, car) }) else { continue }
                found[i] = left.remove(at: at).number
            }
        }
        match { $0.teslaID == $1.teslaID }
        match { $0.vehicleID == $1.vehicleID }
        match { !$1.vin.isEmpty && $0.vin == $1.vin }
        var changes = Changes()
        for (i, car) in listed.enumerated() {
            if let number = found[i] { changes.present.append((number, car)) } else { changes.new.append(car) }
        }
        changes.gone = left.filter { !$0.isGone }.map(\.number)
        return changes
    }
}
