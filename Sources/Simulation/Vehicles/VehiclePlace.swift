/// Where simulated cars go.
public struct VehiclePlace: Hashable, Sendable {
    public var name: String
    public var point: GeoPoint
    /// Below ground: no network while parked there.
    public var isGarage: Bool

    public init(_ name: String, _ latitude: Double, _ longitude: Double, isGarage: Bool = false) {
        self.name = name
        point = GeoPoint(latitude, longitude)
        self.isGarage = isGarage
    }

    public static let hangzhou = [
        VehiclePlace("Wensan Road", 30.2741, 120.1551), VehiclePlace("Xixi", 30.2713, 120.0638), VehiclePlace("Binjiang", 30.2084, 120.2119),
        VehiclePlace("East Station", 30.2907, 120.2124, isGarage: true), VehiclePlace("Qianjiang New Town", 30.2456, 120.2107, isGarage: true),
        VehiclePlace("Xiaoshan Airport", 30.2360, 120.4324), VehiclePlace("Longjing", 30.2218, 120.1127), VehiclePlace("Gongshu", 30.3190, 120.1419),
        VehiclePlace("Future Sci-Tech City", 30.2813, 119.9934, isGarage: true),
    ]
    public static let shanghai = [
        VehiclePlace("People's Square", 31.2304, 121.4737, isGarage: true), VehiclePlace("Lujiazui", 31.2397, 121.4998, isGarage: true),
        VehiclePlace("Hongqiao", 31.1979, 121.3363), VehiclePlace("Zhangjiang", 31.2036, 121.5907), VehiclePlace("Minhang", 31.1128, 121.3817),
        VehiclePlace("Yangpu", 31.2595, 121.5260), VehiclePlace("Pudong Airport", 31.1443, 121.8083), VehiclePlace("Jiading", 31.3747, 121.2655),
        VehiclePlace("Lingang", 30.8990, 121.9270),
    ]
}
