public import Bytes

/// All that is known of one meter: what the detector and the forecaster remember. It is stored in PostgreSQL, so that any worker can take a meter over.
///
/// The stored form is `HM`, a version byte, the fields, and a checksum: a little under 3 KB, the same size for every meter of a version.
public struct MeterState: Sendable {
    static let version: UInt8 = 1
    static let magic = Array("HM".utf8)
    static let checksumBytes = 4

    public var detector: Detector
    public var forecaster: Forecaster

    public init(limits: MeterLimits, settings: PredictionSettings = PredictionSettings()) {
        detector = Detector(limits: limits, settings: settings)
        forecaster = Forecaster(limits: limits, settings: settings)
    }

    /// The newest reading taken in; a worker that takes over reads on from here.
    public var watermark: Timestamp? { detector.watermark }

    /// What the charger may do; a change applies from the next reading on.
    public var limits: MeterLimits {
        get { detector.limits }
        set {
            detector.limits = newValue
            forecaster.limits = newValue
        }
    }

    /// Judges a reading and learns from it.
    public mutating func on(_ reading: Reading) -> Judgement {
        let judgement = detector.on(reading)
        if let verdict = judgement.verdict { forecaster.on(reading, isCharging: verdict.isCharging) }
        return judgement
    }

    /// The compact form. Limits and settings are not in it: they come from the site's row and the configuration.
    public func encoded() -> [UInt8] {
        var copy = self
        var io = StateIO(writingWithCapacity: 3072)
        copy.fields(&io)
        var out = Self.magic
        out.append(Self.version)
        out.append(contentsOf: io.bytes)
        let sum = Self.checksum(out[...])
        for i in 0..<Self.checksumBytes { out.append(UInt8(truncatingIfNeeded: sum >> UInt32(i * 8))) }
        return out
    }

    /// Reads the compact form back; throws `MeterStateError` for anything this version did not write.
    public init(decoding bytes: [UInt8], limits: MeterLimits, settings: PredictionSettings = PredictionSettings()) throws(MeterStateError) {
        self.init(limits: limits, settings: settings)
        let head = Self.magic.count + 1
        guard bytes.count >= head + Self.checksumBytes, Array(bytes[..<Self.magic.count]) == Self.magic else { throw .notAState }
        guard bytes[Self.magic.count] == Self.version else { throw .unknownVersion(bytes[Self.magic.count]) }
        let end = bytes.count - Self.checksumBytes
        var stored: UInt32 = 0
        for i in 0..<Self.checksumBytes { stored |= UInt32(bytes[end + i]) << UInt32(i * 8) }
        guard stored == Self.checksum(bytes[..<end]) else { throw .corrupt }
        var io = StateIO(reading: bytes, from: head, to: end)
        fields(&io)
        guard io.isComplete else { throw .corrupt }
    }

    private mutating func fields(_ io: inout StateIO) {
        detector.fields(&io)
        forecaster.fields(&io)
    }

    /// FNV-1a, 32 bits: against damage, not against malice.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var hash: UInt32 = 2_166_136_261
        for b in bytes { hash = (hash ^ UInt32(b)) &* 16_777_619 }
        return hash
    }
}

/// Why stored bytes are not a meter's state. The remedy is always the same: start the meter afresh, or leave it to a newer worker.
public enum MeterStateError: Error, Hashable, Sendable, CustomStringConvertible {
    case notAState
    case unknownVersion(UInt8)
    case corrupt

    public var description: String {
        switch self {
        case .notAState: "not a meter state"
        case .unknownVersion(let v): "meter state of unknown version \(v)"
        case .corrupt: "damaged meter state"
        }
    }
}
