import Bytes
import Protocol
import Testing

@testable import Workers

/// Charges and updates: the numbers are those of the reference's scenarios.
@Suite struct ChargeScenarioTests {
    @Test func `18: a full cycle is one charge with a row for each answer`() throws {
        let s = try CarScript(
            """
            data; 15 data state=Starting added=0.1; 5 data state=Charging added=0.2; 5 data added=0.3; 5 data state=Complete added=0.4; 15 data;
            15 data state=Disconnected
            """)
        #expect(s.states == ["online", "charging", "online"])
        #expect(s.shown[2].since > s.shown[0].since)
        #expect(s.book.charges.count == 1)
        #expect(s.book.charges[0].points.count == 4)
        #expect(s.book.charges[0].end?.reason == .complete)
        #expect(s.book.charges[0].end?.energyAddedKwh == 0.3)
        #expect(s.book.positions.count == 1)
        #expect(s.book.parkings.count == 1)
        #expect(s.wrong == [])
    }

    @Test func `21: charging at first sight`() throws {
        let s = try CarScript("data state=Charging added=22")
        #expect(s.states == ["charging"])
        #expect(s.book.charges[0].points.count == 1)
        #expect(s.wait == 5)
        #expect(s.wrong == [])
    }

    @Test func `23: points without a range are left out, and the charge goes on`() throws {
        let s = try CarScript(
            "data range=null ideal=null est=null; 15 data state=Charging added=0.1; 5 data added=0.2; 5 data added=0.3 range=10 ideal=10; 5 data state=Complete"
        )
        #expect(s.book.charges.count == 1)
        #expect(s.book.charges[0].points.count == 2)
        #expect(s.wrong == [])
    }

    @Test func `25: a charge without a point is closed with its end`() throws {
        let s = try CarScript("data; 15 data state=Charging added=null; 60 data state=Stopped")
        let end = try #require(s.book.charges.first?.end)
        #expect(end.points == 0)
        #expect(end.end.at == s.now)
        #expect(end.durationMin == 1)
        #expect(end.energyAddedKwh == nil)
        #expect(end.reason == .stopped)
        #expect(s.wrong == [])
    }

    @Test func `an asleep car ends its charge at the last point`() throws {
        let s = try CarScript("data; 15 data state=Charging added=1; 5 data added=2; 5 asleep")
        #expect(s.book.charges[0].end?.reason == .asleep)
        #expect(s.book.charges[0].end?.end.at == CarScript.start.adding(seconds: 20))
        #expect(s.states == ["online", "charging", "asleep"])
        #expect(s.wrong == [])
    }

    @Test func `offline is tolerated: looked for each 10 s, shown after 15 min, and the charge goes on`() throws {
        var s = try CarScript("data; 15 data state=Charging added=1 level=50; 5 data added=2; 5 offline")
        #expect(s.question == .summary)
        #expect(s.wait == 10)
        try s.play(91, "10 offline")
        #expect(s.states == ["online", "charging", "offline"])
        #expect(s.book.openCharge == 0)
        try s.play("30 online; data added=6 level=60; 5 data added=6.1; 5 data state=Complete added=6.2")
        #expect(s.states == ["online", "charging", "offline", "online", "charging", "online"])
        #expect(s.book.charges.count == 1)
        #expect(s.book.charges[0].end?.energyAddedKwh == 5.2)
        #expect(s.wrong == [])
    }

    @Test func `a lower counter after a silence is another charge`() throws {
        let s = try CarScript("data; 15 data state=Charging added=10; 5 data added=11; 3600 data added=3; 5 data state=Complete added=4")
        #expect(s.book.charges.count == 2)
        #expect(s.book.charges[0].end?.energyAddedKwh == 1)
        #expect(s.book.charges[0].end?.reason == .disconnected)
        #expect(s.book.charges[1].end?.energyAddedKwh == 1)
        #expect(s.wrong == [])
    }

    @Test func `the counter runs from plugging in: a session has its own part, and never less than nothing`() throws {
        let two = try CarScript(
            """
            data; 15 data state=Charging added=0.1; 600 data added=5.1; 5 data state=Stopped; 600 data state=Charging added=5.1; 600 data added=7.6;
            5 data state=Complete
            """)
        #expect(two.book.charges.compactMap { $0.end?.energyAddedKwh } == [5, 2.5])
        let back = try CarScript("data; 15 data state=Charging added=3; 60 data added=2.5; 60 data state=Complete added=2.4")
        #expect(back.book.charges.count == 1)
        #expect(back.book.charges[0].end?.energyAddedKwh == nil)
        #expect(two.wrong + back.wrong == [])
    }

    @Test func `a drive ends a charge that nobody saw end`() throws {
        let s = try CarScript("data; 15 data state=Charging added=1; 5 data added=2; 30 data shift=D speed=10 odo=7671.3")
        #expect(s.book.charges[0].end != nil)
        #expect(s.states == ["online", "charging", "driving"])
        #expect(s.wrong == [])
    }

    @Test func `a charge while parked that nobody saw is inferred`() throws {
        let s = try CarScript("data; 15 data; 7200 data range=240 ideal=240 level=79 added=12 state=Complete; 15 data")
        #expect(s.book.charges.count == 1)
        #expect(s.book.charges[0].start.isInferred)
        #expect(s.book.charges[0].end?.energyAddedKwh == 12)
        #expect(s.book.parkings.count == 1)
        #expect(s.wrong == [])
    }

    @Test func `a charge that has been going on unseen began when its power says`() throws {
        let s = try CarScript(
            "data; 15 data; 1800 data range=240 ideal=240 level=79 added=5 kw=20 state=Charging; 1800 data added=15; 5 data state=Complete added=15")
        #expect(s.book.charges.count == 1)
        #expect(s.book.charges[0].start.start.at == CarScript.start.adding(seconds: 915))
        #expect(s.book.charges[0].start.start.batteryLevel == 67)
        #expect(s.book.charges[0].end?.energyAddedKwh == 15)
        #expect(s.wrong == [])
    }

    @Test func `an update is a row, and its end has the car's version`() throws {
        let s = try CarScript(
            """
            data; 15 data update=installing next=2024.32.1; 15 data; 15 offline; 10 e408u; offline; 10 data update= version=2024.32.1
            """)
        #expect(s.states == ["online", "updating", "online"])
        let update = try #require(s.book.updates.last)
        #expect(update.version == "2024.32.1")
        #expect(update.end == s.now)
        #expect(s.book.updates.map(\.version) == ["2024.26.9", "2024.32.1"])
        #expect(s.wrong == [])
    }

    @Test func `57: any other status ends an update; available calls it off`() throws {
        let foo = try CarScript("data; 15 data update=installing; 15 data update=foo")
        #expect(foo.states == ["online", "updating", "online"])
        #expect(foo.book.updates.last?.end != nil)
        let off = try CarScript("data; 15 data update=installing; 15 data update=available")
        #expect(off.book.updates.count == 1)
        #expect(foo.wrong + off.wrong == [])
    }

    @Test func `a version that nobody saw coming is written down, an older one is not`() throws {
        let s = try CarScript("data; 15 data version=2024.26.8; 15 data version=2024.26.10; 15 data version=2024.26.10; 15 data version=null")
        #expect(s.book.updates.map(\.version) == ["2024.26.9", "2024.26.10"])
        #expect(s.view.carVersion == "2024.26.10")
        #expect(s.wrong == [])
    }

    @Test func `an update in a charge keeps the charge`() throws {
        let s = try CarScript(
            "data; 15 data state=Charging added=1; 5 data update=installing added=2; 15 data added=3; 15 data update= added=4; 5 data state=Complete")
        #expect(s.states == ["online", "charging", "updating", "charging", "online"])
        #expect(s.book.charges.count == 1)
        #expect(s.book.charges[0].end?.energyAddedKwh == 3)
        #expect(s.wrong == [])
    }
}
