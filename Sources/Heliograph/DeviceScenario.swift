import Bytes
import CLinux
import Reactor
import Simulation

/// Battery devices of `simulate devices` and of the demo: made once through the API, their keys kept in the data directory.
struct DeviceScenario {
    var address: HTTPAddress
    var user: String
    var password: String
    /// Where the keys are kept: a line for each device, its name and its key.
    var keysPath: String
    var count: Int
    var seed: UInt64
    /// Simulated seconds between two reports of a device.
    var stepSeconds: Int

    /// Plays until it is over or a stop signal comes; returns the number of reports that were acknowledged.
    func play(
        from start: Timestamp, liveFrom: Timestamp, until: Timestamp?, speed: Double, on loop: EventLoop,
        progress: @escaping @Sendable (Timestamp, Int) -> Void = { _, _ in }
    ) async throws -> Int {
        let feeder = await loop.run { loop in LoopBound(DeviceFeeder(HTTPClient(address, on: loop)), on: loop) }
        let stopper = feeder.stopper()
        defer { stopper.cancel() }
        return try await loop.run { loop in
            let own = feeder.value(on: loop)
            try await own.makeRules(user: user, password: password, on: loop)
            var kept = true
            while true {
                do {
                    let devices = try await devices(own, kept: kept, on: loop)
                    try await own.run(
                        devices, from: start, liveFrom: liveFrom, until: until, speed: speed, stepSeconds: stepSeconds, on: loop, progress: progress)
                    return own.accepted
                } catch let refused as IntakeRefused where refused.status == 401 && kept {
                    // The keys are of another database: once more, with new ones.
                    kept = false
                }
            }
        }
    }

    private func devices(_ feeder: DeviceFeeder, kept: Bool, on loop: isolated EventLoop) async throws -> [DeviceFeeder.Device] {
        var keys: [String: String] = [:]
        for line in (kept ? FileText.read(keysPath) ?? "" : "").split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 2 { keys[String(parts[0])] = String(parts[1]) }
        }
        let all = (1...count).map { n in BatterySeries(name: "BAT-\(n < 10 ? "00" : n < 100 ? "0" : "")\(n)", seed: seed) }
        let missing = all.filter { keys[$0.name] == nil }
        for device in try await feeder.register(missing, user: user, password: password, reportSeconds: stepSeconds, on: loop) {
            keys[device.series.name] = device.key
        }
        if !missing.isEmpty {
            try FileText.write(keys.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined(), to: keysPath)
        }
        return all.compactMap { series in keys[series.name].map { DeviceFeeder.Device(series: series, key: $0) } }
    }
}
