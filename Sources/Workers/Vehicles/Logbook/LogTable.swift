/// A table of the logbook, with the sequence its ids come from.
enum LogTable: Int, CaseIterable {
    case state, drive, position, charge, chargePoint, parking, parkingEvent, update

    var sequence: String {
        switch self {
        case .state: "heliograph.car_state_id_seq"
        case .drive: "heliograph.drive_id_seq"
        case .position: "heliograph.position_id"
        case .charge: "heliograph.charge_id_seq"
        case .chargePoint: "heliograph.charge_point_id_seq"
        case .parking: "heliograph.parking_id_seq"
        case .parkingEvent: "heliograph.parking_event_id_seq"
        case .update: "heliograph.car_update_id_seq"
        }
    }

    /// Ids taken ahead at a time. What a process does not use before it ends is lost: few where rows are few.
    var block: Int {
        switch self {
        case .position: 4_096
        case .chargePoint: 512
        case .parkingEvent: 128
        case .state, .drive, .charge, .parking, .update: 32
        }
    }
}
