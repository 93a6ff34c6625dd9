import Bytes
import Protocol
public import Reactor

/// Requests of the API to the poller that has a car: `{"car":number,"command":"suspend"|"resume"}`. Answered `{}`; refused as `failed` with the
/// spec's words, as `malformed`, or as `noWorker` where another poller has the car now.
extension VehiclePoller {
    /// Serves `VehicleNames.command(id)`.
    public func register(_ runtime: WorkerRuntime, on loop: isolated EventLoop) {
        let mine = LoopBound(self, on: loop)
        runtime.onRequest(VehicleNames.command(id)) { loop, payload in try await mine.value(on: loop).command(payload, on: loop) }
    }

    func command(_ payload: [UInt8], on loop: isolated EventLoop) async throws(Refusal) -> [UInt8] {
        guard case .success(let json) = Result(catching: { () throws(JSONError) in try JSONValue.parse(payload) }) else {
            throw Refusal(.malformed, "a command is a JSON object")
        }
        guard let number = json["car"]?.int else { throw Refusal(.malformed, "car must be a number") }
        guard let command = json["command"]?.string.flatMap(VehicleCommand.init) else { throw Refusal(.malformed, "command must be suspend or resume") }
        guard let car = cars[Int64(number)] else { throw Refusal(.noWorker, "another poller has car \(number)") }
        switch await car.obey(command, on: loop) {
        case .success: return Array("{}".utf8)
        case .failure(let refusal):
            if car.isStopping { throw Refusal(.noWorker, refusal.message) }
            throw Refusal(.failed, refusal.message)
        }
    }
}
