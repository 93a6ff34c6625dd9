import Bytes
import Simulation
import Testing

@testable import Workers

struct MeterStateTests {
    private let limits = MeterLimits(ratedPowerKw: 60, maxInputCurrentA: 250, maxOutputCurrentA: 200)

    /// Two weeks of one generated meter with faults, every five minutes.
    private func readings() -> [Reading] {
        let profile = GeneratorProfile()
        let stations = profile.stations(1)
        let start = Timestamp(seconds: 1_750_000_000)
        let sessions = profile.sessions(stations: stations, days: 14, from: start, seed: 3)
        let series = MeterSeries(site: SiteCatalogue(stations: stations).sites[0], sessions: sessions, mix: AnomalyMix(seed: 3, perSession: 0.5, perIdle: 0.5))
        return (0..<4032).compactMap { i in
            let t = start.adding(seconds: Int64(i) * 300)
            return series.sample(at: t).map { Reading(timestamp: t, currentA: $0) }
        }
    }

    @Test func `a state carried over mid-series judges and predicts as the original does`() throws {
        let all = readings()
        var original = MeterState(limits: limits)
        for (i, reading) in all.enumerated() where i < all.count / 2 { _ = original.on(reading) }
        var carried = try MeterState(decoding: original.encoded(), limits: limits)
        #expect(carried.watermark == original.watermark)
        for reading in all[(all.count / 2)...] { #expect(carried.on(reading) == original.on(reading)) }
        #expect(carried.encoded() == original.encoded())
        let now = try #require(original.watermark)
        #expect(carried.forecaster.forecast(from: now) == original.forecaster.forecast(from: now))
        #expect(carried.detector.warning(at: now) == original.detector.warning(at: now))
    }

    @Test func `a state is below 4 KB and of one size`() {
        var state = MeterState(limits: limits)
        let fresh = state.encoded().count
        for reading in readings() { _ = state.on(reading) }
        #expect(state.encoded().count == fresh)
        #expect(fresh < 4096)
    }

    @Test func `truncated, foreign and damaged bytes are refused with the reason`() {
        let good = MeterState(limits: limits).encoded()
        #expect(throws: MeterStateError.notAState) { try MeterState(decoding: [], limits: limits) }
        #expect(throws: MeterStateError.notAState) { try MeterState(decoding: Array("{\"state\":1}".utf8), limits: limits) }
        var newer = good
        newer[2] = 9
        #expect(throws: MeterStateError.unknownVersion(9)) { try MeterState(decoding: newer, limits: limits) }
        for length in stride(from: 7, to: good.count, by: 97) {
            #expect(throws: MeterStateError.corrupt) { try MeterState(decoding: Array(good[..<length]), limits: limits) }
        }
        #expect(throws: MeterStateError.corrupt) { try MeterState(decoding: good + [0], limits: limits) }
    }

    @Test func `any single damaged byte is refused`() {
        let good = MeterState(limits: limits).encoded()
        for i in good.indices {
            var bad = good
            bad[i] ^= 0x41
            #expect(throws: MeterStateError.self) { try MeterState(decoding: bad, limits: limits) }
        }
    }

    /// With the checksum made right again, so that the fields' own checks are what is tested.
    @Test func `mutated states with a right checksum are refused or run without a trap`() throws {
        var state = MeterState(limits: limits)
        let all = readings()
        for reading in all.prefix(2000) { _ = state.on(reading) }
        let good = state.encoded()
        var random = SeededRandom(seed: 77)
        var survivors = 0
        for _ in 0..<2000 {
            var bytes = Array(good.dropLast(MeterState.checksumBytes))
            // Mostly in the scalars at the front, where a wrong value does most harm.
            for _ in 0...random.below(4) { bytes[3 + random.below(random.below(2) == 0 ? 400 : bytes.count - 3)] = UInt8(random.below(256)) }
            let sum = MeterState.checksum(bytes[...])
            for i in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: sum >> UInt32(i * 8))) }
            guard var mutated = try? MeterState(decoding: bytes, limits: limits) else { continue }
            survivors += 1
            for reading in all[2000..<2060] {
                if let v = mutated.on(reading).verdict { #expect(v.score >= 0 && v.score <= 1) }
            }
            _ = mutated.forecaster.forecast(from: all[2060].timestamp)
        }
        #expect(survivors > 0)
    }

    @Test func `random bytes behind a right header and checksum never trap`() {
        var random = SeededRandom(seed: 78)
        for _ in 0..<2000 {
            var bytes = MeterState.magic + [MeterState.version] + (0..<random.below(3500)).map { _ in UInt8(random.below(256)) }
            let sum = MeterState.checksum(bytes[...])
            for i in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: sum >> UInt32(i * 8))) }
            #expect(throws: MeterStateError.corrupt) { try MeterState(decoding: bytes, limits: limits) }
        }
    }
}
