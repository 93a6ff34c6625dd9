/// A kind of charger with figures as their plates have them.
public struct ChargerType: Hashable, Sendable {
    public var name: String
    public var ratedPowerKw: Double
    public var maxInputCurrentA: Double
    public var maxOutputCurrentA: Double

    /// The voltage at which the rated power is the highest current.
    public var voltage: Double { ratedPowerKw * 1000 / maxOutputCurrentA }

    /// No session is drawn with more than this share of the rated power, so that a sound meter stays below the yellow level (90 %).
    public static let usableShare = 0.88

    /// Smallest first. The 60 and 120 kW figures are those of the charging spec's example.
    public static let all: [ChargerType] = [
        ChargerType(name: "AC 7 kW", ratedPowerKw: 7, maxInputCurrentA: 32, maxOutputCurrentA: 32),
        ChargerType(name: "AC 8.8 kW", ratedPowerKw: 8.8, maxInputCurrentA: 40, maxOutputCurrentA: 40),
        ChargerType(name: "DC 30 kW", ratedPowerKw: 30, maxInputCurrentA: 60, maxOutputCurrentA: 100),
        ChargerType(name: "DC 60 kW", ratedPowerKw: 60, maxInputCurrentA: 250, maxOutputCurrentA: 200),
        ChargerType(name: "DC 120 kW", ratedPowerKw: 120, maxInputCurrentA: 300, maxOutputCurrentA: 250),
        ChargerType(name: "DC 240 kW", ratedPowerKw: 240, maxInputCurrentA: 500, maxOutputCurrentA: 400),
        ChargerType(name: "DC 600 kW", ratedPowerKw: 600, maxInputCurrentA: 1200, maxOutputCurrentA: 1000),
    ]

    /// The smallest charger that can deliver a mean power over a whole stay, ramp included; the largest there is when none can.
    public static func fitting(meanKw: Double) -> ChargerType {
        all.first { $0.ratedPowerKw * usableShare >= meanKw * 1.02 } ?? all[all.count - 1]
    }
}
