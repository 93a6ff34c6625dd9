import Protocol
import Testing

@Suite struct PriorityLevelsTests {
    /// Beside a plain array, in which the next one is the first of the lowest priority number.
    private struct Model {
        var items: [(priority: Int, number: Int)] = []
        var ordered: [Int] { items.sorted { ($0.priority, $0.number) < ($1.priority, $1.number) }.map(\.number) }
    }

    @Test(arguments: 1...8) func theMostUrgentComeFirstAmongEqualsAsTheyCame(seed: UInt64) {
        var random = Seeded(seed)
        var levels = PriorityLevels<Int>()
        var model = Model()
        for number in 0..<2_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let priority = Int.random(in: 0...9, using: &random)
                levels.append(number, priority: priority)
                model.items.append((priority, number))
            case 5..<9:
                let next = model.ordered.first
                #expect(levels.first?.element == next && levels.popFirst() == next)
                model.items.removeAll { $0.number == next }
            default:
                let divisor = Int.random(in: 2...9, using: &random)
                let unwanted = model.ordered.filter { $0 % divisor == 0 }
                #expect(levels.removeAll { $0 % divisor == 0 } == unwanted)
                model.items.removeAll { $0.number % divisor == 0 }
            }
            #expect(levels.count == model.items.count && levels.isEmpty == model.items.isEmpty && levels.elements == model.ordered)
            #expect(levels.firstPriority == model.items.map(\.priority).min() && levels.first?.priority == levels.firstPriority)
            #expect(levels.lastPriority == model.items.map(\.priority).max())
        }
    }

    @Test func aLongLevelKeepsItsOrderWhileItsFrontIsTaken() {
        var levels = PriorityLevels<Int>()
        for number in 0..<10_000 { levels.append(number, priority: 5) }
        for number in 0..<9_000 { #expect(levels.popFirst() == number) }
        #expect(levels.removeAll { $0 % 2 == 0 } == Array(stride(from: 9_000, to: 10_000, by: 2)))
        #expect(levels.elements == Array(stride(from: 9_001, to: 10_000, by: 2)) && levels.count == 500)
    }

    @Test(arguments: [(-1, 0), (0, 0), (9, 9), (10, 9), (Int.max, 9), (Int.min, 0)])
    func aPriorityOutOfRangeCountsAsTheNearest(priority: Int, level: Int) {
        var levels = PriorityLevels<String>()
        levels.append("a", priority: priority)
        #expect(levels.firstPriority == level && levels.lastPriority == level)
    }

    @Test func elementsAreChangedWhereTheyStand() {
        var levels = PriorityLevels<Int>()
        for number in 0..<20 { levels.append(number, priority: 9 - number % 10) }
        #expect(levels.popFirst() == 9)
        levels.updateAll { $0 += 100 }
        #expect(levels.elements == [119, 108, 118, 107, 117, 106, 116, 105, 115, 104, 114, 103, 113, 102, 112, 101, 111, 100, 110])
    }
}
