public import Bytes
public import Reactor

/// Battery devices that report through the public API, each with its own key. A report that was not acknowledged is sent again: the intake is
/// idempotent.
public final class DeviceFeeder: Feeder {
    /// A device of the simulation and the key that its API gave out.
    public struct Device: Sendable {
        public var series: BatterySeries
        public var key: String

        public init(series: BatterySeries, key: String) {
            self.series = series
            self.key = key
        }
    }

    /// Between two reports of the history, and rows in one request, while catching up.
    static let historyStepSeconds: Int64 = 300
    static let rowsPerRequest = 1_000

    private let client: HTTPClient
    private let sender: IntakeSender
    /// Reports that the intake has acknowledged.
    public private(set) var accepted = 0

    public init(_ client: HTTPClient) {
        self.client = client
        sender = IntakeSender(client)
    }

    public func stop() { sender.stop() }

    // MARK: Making devices

    /// Logs in and makes a device for each series; returns them with their keys.
    public func register(_ series: [BatterySeries], user: String, password: String, reportSeconds: Int, on loop: isolated EventLoop) async throws -> [Device] {
        let token = try await login(user, password)
        var devices: [Device] = []
        for one in series where !sender.isStopped {
            let made = try await ask("POST", "/api/v1/devices", token) { w in
                w.member("name", one.name)
                w.member("device_type", "battery_sensor")
            }
            guard let key = made["api_key"]?.string, let id = made["device"]?["id"]?.string else {
                throw IntakeRefused(path: "/api/v1/devices", status: 201, body: "no key in the answer")
            }
            _ = try await ask("PUT", "/api/v1/devices/\(id)/config", token) { w in w.member("report_interval_seconds", reportSeconds) }
            devices.append(Device(series: one, key: key))
        }
        return devices
    }

    /// Makes one enabled rule of each type, unless there is one.
    public func makeRules(user: String, password: String, on loop: isolated EventLoop) async throws {
        let token = try await login(user, password)
        let rules = [
            ("低电量预警", "low_battery", "warning"), ("电量临界", "critical_battery", "critical"), ("高温预警", "high_temperature", "critical"),
            ("设备离线", "device_offline", "warning"), ("电量快速下降", "rapid_drain", "info"),
        ]
        for (name, type, level) in rules {
            _ = try await ask("POST", "/api/v1/alerts/rules", token, accepting: [409]) { w in
                w.member("name", name)
                w.member("alert_type", type)
                w.member("level", level)
            }
        }
    }

    private func login(_ user: String, _ password: String) async throws -> String {
        let answer = try await ask("POST", "/api/v1/users/login", nil) { w in
            w.member("login", user)
            w.member("password", password)
        }
        guard let token = answer["access_token"]?.string else { throw IntakeRefused(path: "/api/v1/users/login", status: 200, body: "no token in the answer") }
        return token
    }

    private func ask(
        _ method: String, _ path: String, _ token: String?, accepting others: [Int] = [], _ members: (inout JSONWriter) -> Void
    ) async throws -> JSONValue {
        var w = JSONWriter()
        w.object { members(&$0) }
        var headers = [("Content-Type", "application/json")]
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        let answer = try await client.send(method, path, headers: headers, body: w.bytes)
        guard (200..<300).contains(answer.status) || others.contains(answer.status) else {
            throw IntakeRefused(path, answer)
        }
        return try JSONValue.parse(answer.body)["data"] ?? .null
    }

    // MARK: Reporting

    /// Sends each device's reports: those before `liveFrom` in batches, from then on one at a time, every `stepSeconds` of simulated time.
    /// Returns after `stop()`, or once the simulated time `until` is reached.
    public func run(
        _ devices: [Device], from start: Timestamp, liveFrom: Timestamp, until: Timestamp? = nil, speed: Double, stepSeconds: Int,
        on loop: isolated EventLoop, progress: (Timestamp, Int) -> Void = { _, _ in }
    ) async throws(IntakeRefused) {
        if start < liveFrom {
            for device in devices where !sender.isStopped {
                try await history(device, from: start, to: liveFrom, on: loop)
                progress(liveFrom, accepted)
            }
        }
        var time = liveFrom
        var dueNs = loop.nowNs
        let pauseNs = Int64(Double(stepSeconds) / speed * 1e9)
        while !sender.isStopped {
            for (n, device) in devices.enumerated() where !sender.isStopped {
                guard let sample = device.series.sample(at: time) else { continue }
                var w = JSONWriter()
                sample.write(to: &w, at: time)
                try await send("/api/v1/battery/report", w.bytes, device.key, rows: 1, on: loop)
                // Spread over the step, as devices are that know nothing of each other.
                let slotNs = dueNs + pauseNs * Int64(n + 1) / Int64(devices.count)
                if Clock.monotonicNs < slotNs { await loop.sleep(ns: min(200_000_000, slotNs - Clock.monotonicNs)) }
            }
            progress(time, accepted)
            if let until, time >= until { return }
            time = time.adding(seconds: Int64(stepSeconds))
            dueNs += pauseNs
            while !sender.isStopped, Clock.monotonicNs < dueNs { await loop.sleep(ns: min(200_000_000, dueNs - Clock.monotonicNs)) }
        }
    }

    private func history(_ device: Device, from start: Timestamp, to end: Timestamp, on loop: isolated EventLoop) async throws(IntakeRefused) {
        var time = start
        while time < end, !sender.isStopped {
            var w = JSONWriter()
            var rows = 0
            w.object { w in
                w.key("data")
                w.array { w in
                    while time < end, rows < Self.rowsPerRequest {
                        if let sample = device.series.sample(at: time) {
                            sample.write(to: &w, at: time)
                            rows += 1
                        }
                        time = time.adding(seconds: Self.historyStepSeconds)
                    }
                }
            }
            if rows > 0 { try await send("/api/v1/battery/batch-report", w.bytes, device.key, rows: rows, on: loop) }
        }
    }

    private func send(_ path: String, _ body: [UInt8], _ key: String, rows: Int, on loop: isolated EventLoop) async throws(IntakeRefused) {
        let headers = [("X-API-Key", key), ("Content-Type", "application/json")]
        if try await sender.send(path, body, headers: headers, on: loop) != nil { accepted += rows }
    }
}
