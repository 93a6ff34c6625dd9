import Bytes

extension StreamFrame {
    /// Reads the 13 fields of a `data:update`: `ms,mph,mi,%,m,deg,lat,lng,kW,shift,mi,mi,deg`, of which any may be empty. One that cannot be
    /// read counts as empty. nil: these are not 13 fields. Without a time the frame has that of its receipt.
    init?(value: String, receivedAt: Timestamp) {
        let fields = value.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count == 13 else { return nil }
        func number(_ i: Int, _ range: ClosedRange<Double>) -> Double? {
            guard let number = Double(fields[i]), range.contains(number) else { return nil }
            return number
        }
        func whole(_ i: Int, _ range: ClosedRange<Int>) -> Int? { Double(fields[i]).flatMap { AnswerPart.whole($0, range) } }
        let ms = Int64(fields[0]).flatMap { (1...253_402_300_799_000).contains($0) ? $0 : nil }
        self.init(
            at: ms.map { Timestamp(microseconds: $0 * 1000) } ?? receivedAt, receivedAt: receivedAt,
            speed: number(1, CarUnits.speedsMph).map(CarUnits.speed), odometerKm: number(2, CarUnits.odometersMiles).map(CarUnits.odometer),
            batteryLevel: whole(3, CarUnits.percents), elevation: whole(4, CarUnits.elevations),
            heading: (whole(5, CarUnits.headings) ?? whole(12, CarUnits.headings)).map { $0 % 360 }, latitude: number(6, CarUnits.latitudes),
            longitude: number(7, CarUnits.longitudes), power: whole(8, CarUnits.powers), shift: Shift(rawValue: String(fields[9])),
            rangeKm: number(10, CarUnits.rangesMiles).map(CarUnits.range), estimatedRangeKm: number(11, CarUnits.rangesMiles).map(CarUnits.range))
        if latitude == nil || longitude == nil {
            latitude = nil
            longitude = nil
        }
    }

    init?(value: some Collection<UInt8>, receivedAt: Timestamp) {
        self.init(value: String(decoding: value, as: UTF8.self), receivedAt: receivedAt)
    }
}
