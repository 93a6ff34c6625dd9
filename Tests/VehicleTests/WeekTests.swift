import Bytes
import Protocol
import Testing

@testable import Workers

/// A week of many cars with everything that goes wrong: whatever happens, the rows stay true.
@Suite struct WeekTests {
    @Test(arguments: 0..<50)
    func `a week with losses, faults, duplicates and restarts leaves true rows`(seed: Int) throws {
        var week = CarWeek(seed: UInt64(seed), isCalm: false, isStreaming: seed % 2 == 0)
        week.run(days: 7)
        #expect(week.faults == [])
        #expect(week.book.faults == [])
        let driven = week.book.drives.compactMap { $0.end?.distanceKm }.reduce(0, +)
        #expect(driven > 0)
        // What is missing is in gaps; nothing is counted twice. Frames round the odometer to tenths of a mile.
        #expect(driven <= week.car.odometerKm - CarWeek.odometerAtStart + 0.2 * Double(week.book.drives.count))
        let ways = week.book.drives.compactMap { drive in
            drive.end.flatMap { end in drive.start.odometerKm.flatMap { from in end.end.odometerKm.map { (from, $0) } } }
        }
        for (one, next) in zip(ways, ways.dropFirst()) { #expect(next.0 >= one.1 - 0.2) }
        // Each position is of one drive at most.
        let owned = week.book.drives.reduce(0) { $0 + $1.positions.count }
        #expect(owned + week.book.positions.count == week.positions)
        #expect(week.lookedWhileSuspended <= week.suspendedHours * 3 + Double(week.hints) + 3 * Double(week.book.states.count) + 20)
    }

    @Test(arguments: 0..<10)
    func `a calm week misses nothing: what was driven is what the odometer says`(seed: Int) throws {
        var week = CarWeek(seed: UInt64(1000 + seed), isCalm: true, isStreaming: seed % 2 == 0)
        week.run(days: 7)
        #expect(week.faults == [])
        #expect(week.book.faults == [])
        let driven = week.book.drives.reduce(0) { $0 + ($1.end?.distanceKm ?? $1.positions.last.flatMap { $0.odometerKm }.map { _ in 0 } ?? 0) }
        let open = week.machine.state.drive?.distance ?? 0
        let missing = week.car.odometerKm - CarWeek.odometerAtStart - driven - open
        // A drive may begin up to a poll before it is seen.
        #expect(missing >= -0.2)
        // Who only polls looks at a suspended car each 21 min: what is driven before is a gap.
        if seed % 2 == 0 { #expect(missing <= 1.2 * Double(week.drives + 1)) }
        #expect(week.book.drives.count <= week.drives)
        #expect(week.book.drives.count + week.book.discardedDrives >= week.drives * 8 / 10)
        #expect(week.book.charges.count >= week.charges * 8 / 10)
        #expect(week.book.charges.count <= week.charges)
        let added = week.book.charges.compactMap { $0.end?.energyAddedKwh }.reduce(0, +)
        #expect(added <= week.energyKwh + 0.1)
    }
}

/// A generator with a fixed seed (splitmix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
