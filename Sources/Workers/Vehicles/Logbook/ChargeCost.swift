/// What a charge costs (reference §1.5), in the currency of the fence's price, rounded to hundredths.
enum ChargeCost {
    /// nil: nobody knows.
    /// - Parameters:
    ///   - added: kWh that came into the battery.
    ///   - used: kWh that the charger gave. The larger of the two is billed.
    static func of(_ tariff: Fence.Tariff?, added: Double?, used: Double?, minutes: Double, isFreeFastCharger: Bool) -> Double? {
        if isFreeFastCharger { return 0 }
        guard let tariff else { return nil }
        let fee = tariff.fee ?? 0
        switch (tariff.billing, tariff.price) {
        case (.perKwh, let price?):
            guard let energy = [added, used].compactMap({ $0 }).max() else { return nil }
            return hundredths(fee + price * energy)
        case (.perMinute, let price?): return hundredths(fee + price * minutes)
        default: return tariff.fee.map(hundredths)
        }
    }

    private static func hundredths(_ amount: Double) -> Double { (amount * 100).rounded() / 100 }
}
