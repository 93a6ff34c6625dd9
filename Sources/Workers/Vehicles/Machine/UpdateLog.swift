import Bytes

/// Software updates of a car: one that is being installed, and the last version that was written down.
///
/// | status | then |
/// |---|---|
/// | installing | it begins |
/// | available | it was called off |
/// | any other | it is done; the car's version is the new one |
/// | not told | nothing: the car is about to start again |
struct UpdateLog: Equatable, Remembered {
    private(set) var isOpen = false
    private var version: String?
    private var startedAt = Timestamp(seconds: 0)

    /// - Parameter isDriving: a car that drives does not install.
    mutating func take(_ body: VehicleReading.Body, at: Timestamp, isDriving: Bool) -> [VehicleEffect] {
        let status = body.update?.status
        if isOpen {
            switch status {
            case "installing"? where !isDriving: return []
            case "available"?:
                isOpen = false
                return [.cancelUpdate]
            case nil where !isDriving: return []
            default: return [close(body.carVersion ?? body.update?.version ?? "", at)]
            }
        }
        var effects: [VehicleEffect] = []
        if let found = body.carVersion, !found.isEmpty, version.map({ CarVersion.isNewer(found, than: $0) }) ?? true {
            version = found
            effects.append(.foundVersion(found, at: next(at)))
        }
        if status == "installing", !isDriving {
            isOpen = true
            effects.append(.openUpdate(version: body.update?.version ?? "", at: next(at)))
        }
        return effects
    }

    private mutating func close(_ found: String, _ at: Timestamp) -> VehicleEffect {
        isOpen = false
        if !found.isEmpty { version = found }
        return .closeUpdate(version: found, at: max(at, startedAt))
    }

    /// Two never begin at one time.
    private mutating func next(_ at: Timestamp) -> Timestamp {
        startedAt = at > startedAt ? at : startedAt.adding(microseconds: 1)
        return startedAt
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("open", &isOpen)
        m("version", &version)
        m("started", &startedAt)
    }
}
