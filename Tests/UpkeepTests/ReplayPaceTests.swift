import Testing
import Workers

@Suite struct ReplayPaceTests {
    @Test func nothingIsAllowedAtTheStartAndNeverMoreThanTheRate() {
        for rate in [0.5, 1, 7, 200, 2_000, 20_000] {
            var pace = ReplayPace(perSecond: rate, nowNs: 0)
            #expect(pace.allowance(nowNs: 0) == 0)
            var made = 0
            var now: Int64 = 0
            var step: Int64 = 3_000_000
            while now < 20_000_000_000 {
                now += step
                step = step * 7 % 40_000_003 + 1
                while true {
                    let most = pace.allowance(nowNs: now)
                    if most == 0 { break }
                    #expect(most <= ReplayPace.maxStep)
                    pace.spend(most)
                    made += most
                }
                #expect(Double(made) <= rate * Double(now) / 1e9 + 1e-6)
            }
            // A rate that is asked for is also reached.
            #expect(Double(made) >= rate * 20 * 0.97 - 1)
        }
    }

    @Test func aPauseIsMadeUpForByAQuarterOfASecondAtMost() {
        var pace = ReplayPace(perSecond: 1_000, nowNs: 0)
        var made = 0
        while case let most = pace.allowance(nowNs: 3_600_000_000_000), most > 0 {
            pace.spend(most)
            made += most
        }
        #expect(made == 250)
    }

    @Test func whatIsNotMadeIsNotSpent() {
        var pace = ReplayPace(perSecond: 100, nowNs: 0)
        #expect(pace.allowance(nowNs: 200_000_000) == 20)
        pace.spend(0)
        #expect(pace.allowance(nowNs: 200_000_000) == 20)
        pace.pause(untilNs: 900_000_000)
        #expect(pace.allowance(nowNs: 800_000_000) == 0)
        #expect(pace.allowance(nowNs: 900_000_000) == 25)
    }
}
