import Bytes
import Testing

@testable import API

/// How long a device's key is believed without a query.
struct DeviceKeyTests {
    private static let key = DeviceKey(
        device: 1, id: "d", isDisabled: false, token: nil, mayRead: true, mayWrite: true, expiresAt: nil, ranges: nil, perMinute: nil)

    private static func isKnown(_ cache: DeviceKeyCache, _ nowNs: Int64, isHeard: Bool) -> Bool {
        if case .known = cache.find("zk_1", nowNs: nowNs, isHeard: isHeard) { true } else { false }
    }

    @Test func `a key is believed for long while changes are heard of, and for a short while when they are not`() {
        var cache = DeviceKeyCache()
        cache.put("zk_1", Self.key, askedIn: cache.generation, nowNs: 0)
        // Devices report once a minute: the next report must find it.
        #expect(DeviceKeyCache.goodNs > 120_000_000_000)
        for (now, isHeard, isKnown) in [
            (DeviceKeyCache.unheardNs - 1, false, true), (DeviceKeyCache.unheardNs, false, false), (DeviceKeyCache.unheardNs, true, true),
            (DeviceKeyCache.goodNs - 1, true, true), (DeviceKeyCache.goodNs, true, false),
        ] {
            let known = Self.isKnown(cache, now, isHeard: isHeard)
            #expect(known == isKnown, "\(now) ns, heard \(isHeard)")
        }
    }

    @Test func `a change forgets all keys, and what was asked before it is not kept`() {
        var cache = DeviceKeyCache()
        let before = cache.generation
        cache.put("zk_1", Self.key, askedIn: before, nowNs: 0)
        cache.forget()
        let forgotten = Self.isKnown(cache, 1, isHeard: true)
        #expect(!forgotten)
        cache.put("zk_1", Self.key, askedIn: before, nowNs: 1)
        let stale = Self.isKnown(cache, 2, isHeard: true)
        #expect(!stale)
        cache.put("zk_1", Self.key, askedIn: cache.generation, nowNs: 2)
        let fresh = Self.isKnown(cache, 3, isHeard: true)
        #expect(fresh)
    }
}
