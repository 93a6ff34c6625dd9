import Bytes

/// Meters are looked after in shards: one prediction job per shard waits at a time, whatever the number of readings.
public enum ChargingShards {
    public static let count = 16

    /// FNV-1a of the meter's id: stable over processes and versions, since it is stored with the meter.
    public static func shard(_ meter: some Sequence<UInt8>) -> Int {
        var hash: UInt32 = 2_166_136_261
        for byte in meter { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return Int(hash % UInt32(count))
    }

    /// The job that judges a shard's new readings.
    public static func job(_ shard: Int) -> JobDraft {
        JobDraft(
            kind: JobKind.chargingPredict, args: Array("{\"shard\":\(shard)}".utf8), queue: "charging",
            uniqueKey: "\(JobKind.chargingPredict):\(shard)", maxAttempts: 10)
    }
}
