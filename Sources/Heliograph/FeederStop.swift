import Reactor
import Simulation

extension LoopBound where Value: Feeder {
    /// A task that stops the feeder when a stop signal comes; cancelled once the feeder is done.
    func stopper() -> Task<Void, Never> {
        Task {
            await StopSignal.wait()
            await loop.run { loop in value(on: loop).stop() }
        }
    }
}
