/// The ids of a car's open rows, as `heliograph.car_memory` keeps them.
struct OpenRows: Equatable {
    var drive: Int64?
    var charge: Int64?
    var parking: Int64?
    var updating: Int64?
}
