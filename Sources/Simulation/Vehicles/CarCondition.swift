public import Bytes

/// Everything about a car at one instant, in units of our own: km, km/h, kW (positive: discharging), kWh, °C, bar.
public struct CarCondition: Sendable {
    public enum Shift: String, Sendable {
        case park = "P"
        case reverse = "R"
        case drive = "D"
    }

    public var at: Timestamp
    public var point: GeoPoint
    public var elevationM: Double
    /// 0 ≤ degrees < 360.
    public var heading: Double
    public var shift: Shift
    public var speedKmh: Double
    public var powerKw: Double
    public var odometerKm: Double
    public var energyKwh: Double
    /// 0…1.
    public var level: Double
    public var ratedRangeKm: Double
    public var body: CarBody
    public var isPreconditioning: Bool
    public var inside: Double
    public var outside: Double
    public var charge: ChargeReading?
    public var update: UpdateReading?
    public var version: String
    /// Since when nothing keeps it awake; nil: something does.
    public var quietSince: Timestamp?
    public var isOffline: Bool
    public var isFakeWake: Bool

    /// Cold tyres hold less.
    func tyre(_ n: Int) -> Double {
        let warm = shift == .park ? 0 : 0.1
        return 2.85 + (outside - 15) * 0.01 + warm + Double(n) * 0.025
    }
}
