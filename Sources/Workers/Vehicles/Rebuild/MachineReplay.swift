import Bytes
import Protocol

/// The machine of a car, taking again what it had taken.
struct MachineReplay: Replay {
    private var machine: VehicleMachine

    /// - Parameter memory: nil: nothing is known of the car. nil comes back where it is no memory.
    init?(car: Int64, _ memory: JSONValue?, rules: VehicleRules) {
        guard let memory else {
            machine = VehicleMachine(car: car, rules: rules)
            return
        }
        guard let machine = VehicleMachine(memory: memory, rules: rules) else { return nil }
        self.machine = machine
    }

    mutating func take(_ input: JournalInput) -> [VehicleEffect] {
        // The journal has those commands only that were obeyed.
        machine.on(input.input, at: input.at)
    }

    var memory: [UInt8] { machine.memory }

    func view(_ fences: Fences) -> [UInt8] {
        var view = machine.view
        view.geofence = fences.at(view.latitude, view.longitude)?.name
        var w = JSONWriter(capacity: 1_536)
        view.write(to: &w)
        return w.bytes
    }
}
