/// What a simulated car is: its pack, its weight, and what it says of itself.
public struct CarModel: Hashable, Sendable {
    /// `car_type`, `trim_badging`, `exterior_color`, `wheel_type`.
    public var type: String
    public var trim: String
    public var color: String
    public var wheels: String
    /// kWh, all of it usable.
    public var packKwh: Double
    /// kWh of the pack for each km of rated range.
    public var ratedKwhPerKm: Double
    public var massKg: Double
    /// Drag coefficient × frontal area, m².
    public var dragArea: Double
    /// What a fast charger may give at most, kW.
    public var fastKw: Double

    public static let model3 = CarModel(
        type: "model3", trim: "74d", color: "DeepBlue", wheels: "Pinwheel18", packKwh: 57.5, ratedKwhPerKm: 0.137, massKg: 1_830, dragArea: 0.51, fastKw: 170)
    public static let modelY = CarModel(
        type: "modely", trim: "p74d", color: "PearlWhite", wheels: "Gemini19", packKwh: 75, ratedKwhPerKm: 0.149, massKg: 2_060, dragArea: 0.61, fastKw: 250)
    public static let modelS = CarModel(
        type: "lychee", trim: "100d", color: "MidnightSilver", wheels: "Tempest19", packKwh: 95, ratedKwhPerKm: 0.155, massKg: 2_240, dragArea: 0.56,
        fastKw: 250)
    public static let all = [model3, modelY, modelS]
}
