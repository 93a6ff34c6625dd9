import Bytes

/// A random expression together with the numbers it means, and a search that knows no short cuts.
struct RandomCron {
    private(set) var text = ""
    private var chosen: [Set<Int>] = []
    private var hasStar: [Bool] = []

    var hasStarHour: Bool { hasStar[1] }

    /// A dense one matches on most days.
    init(using random: inout Seeded, dense: Bool = false) {
        let bounds = [0...59, 0...23, 1...31, 1...12, 0...6]
        let months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        var fields: [String] = []
        for (index, bound) in bounds.enumerated() {
            var items: [String] = []
            var numbers: Set<Int> = []
            let isStar = dense && index > 1 || Int.random(in: 0..<3, using: &random) == 0
            for _ in 0..<(isStar ? 1 : Int.random(in: 1...3, using: &random)) {
                // No month has fewer days, so that there is always a slot.
                let low = Int.random(in: bound.lowerBound...min(bound.upperBound, 28), using: &random)
                let high = Int.random(in: low...bound.upperBound, using: &random)
                let step = Int.random(in: 1...max(1, bound.upperBound / 2), using: &random)
                let lowText = index == 3 && step % 2 == 0 ? months[low - 1] : "\(low)"
                switch isStar ? Int.random(in: 0...1, using: &random) * (dense && index > 1 ? 0 : 1) : Int.random(in: 2...5, using: &random) {
                case 0:
                    items.append("*")
                    numbers.formUnion(bound)
                case 1:
                    items.append("*/\(step)")
                    numbers.formUnion(stride(from: bound.lowerBound, through: bound.upperBound, by: step))
                case 2:
                    items.append(lowText)
                    numbers.insert(low)
                case 3:
                    items.append("\(lowText)-\(high)")
                    numbers.formUnion(low...high)
                case 4:
                    items.append("\(lowText)-\(high)/\(step)")
                    numbers.formUnion(stride(from: low, through: high, by: step))
                default:
                    items.append("\(low)/\(step)")
                    numbers.formUnion(stride(from: low, through: bound.upperBound, by: step))
                }
            }
            fields.append(items.joined(separator: ","))
            chosen.append(numbers)
            hasStar.append(isStar)
        }
        text = fields.joined(separator: " ")
    }

    func matches(day: Int64) -> Bool {
        let date = Civil.date(days: day)
        let isDay = chosen[2].contains(date.day)
        let isWeekday = chosen[4].contains(Civil.weekday(days: day))
        return chosen[3].contains(date.month) && (hasStar[2] || hasStar[4] ? isDay && isWeekday : isDay || isWeekday)
    }

    func matches(localMinute minute: Int64) -> Bool {
        let day = Civil.floorDivide(minute, 1440)
        let rest = Int(minute - day * 1440)
        return chosen[0].contains(rest % 60) && chosen[1].contains(rest / 60) && matches(day: day)
    }

    /// Minute by minute, in UTC.
    func slots(afterSecond second: Int64, count: Int) -> [Int64] {
        var found: [Int64] = []
        var minute = Civil.floorDivide(second, 60) + 1
        while found.count < count {
            if minute % 1440 == 0, !matches(day: minute / 1440) {
                minute += 1440
            } else {
                if matches(localMinute: minute) { found.append(minute * 60) }
                minute += 1
            }
        }
        return found
    }
}
