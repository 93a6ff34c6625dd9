/// What takes inputs of the journal again: the machine, as it was when they came first.
protocol Replay {
    mutating func take(_ input: JournalInput) -> [VehicleEffect]
    /// The machine after them, as it writes itself (JSON).
    var memory: [UInt8] { get }
    /// `VehicleView`, as JSON.
    func view(_ fences: Fences) -> [UInt8]
}
