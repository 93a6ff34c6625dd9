import Bytes
import Protocol
import Testing

@testable import Workers

/// Drives: the numbers are those of the reference's scenarios.
@Suite struct DriveScenarioTests {
    static let parked = "shift=null speed=null power=0"

    @Test func `1: a full drive with D, N and R, closed by an answer without a shift`() throws {
        let s = try CarScript(
            """
            data; 15 data shift=D speed=60 odo=7671.3; 3 data shift=N speed=30 odo=7671.35; 3 data shift=R speed=-5 odo=7671.36;
            3 data shift=null speed=null odo=7671.37
            """)
        #expect(s.states == ["online", "driving", "online"])
        #expect(s.shown[2].since > s.shown[0].since)
        let drive = try #require(s.book.drives.first)
        #expect(drive.positions.map(\.speed) == [97, 48, -8, nil])
        #expect(drive.end?.reason == .parked)
        #expect(drive.end?.end.at == s.now)
        #expect(s.book.parkings.count == 2)
        #expect(s.book.parkings[0].end?.end.at == drive.start.at)
        #expect(s.book.parkings[1].start.start.at == drive.end?.end.at)
        #expect(s.wrong == [])
    }

    @Test func `2: a short loss of contact does not show`() throws {
        let s = try CarScript(
            """
            data; 15 data; 15 data shift=D speed=50 odo=7671.3; 3 e408u; offline; 5 e408u; 1 unknown; 5 data speed=55 odo=7671.4;
            3 data speed=40 odo=7671.5; 3 data shift=null speed=null odo=7671.6
            """)
        #expect(s.states == ["online", "driving", "online"])
        #expect(s.book.drives.count == 1)
        #expect(s.book.drives[0].positions.count == 4)
        #expect(s.wrong == [])
    }

    @Test func `3: answers without drive_state leave it driving, and add nothing`() throws {
        var s = try CarScript("data; 15 data shift=D speed=5 odo=7671.3; 3 data speed=50 odo=7671.4; 3 data drive=null")
        try s.play(40, "3 data")
        try s.play("3 data drive={}")
        #expect(s.states == ["online", "driving"])
        #expect(s.book.drives[0].positions.count == 2)
        #expect(s.wrong == [])
    }

    @Test func `4, 5: N starts a drive, P does not`() throws {
        let n = try CarScript("data; 15 data shift=N speed=0")
        #expect(n.states == ["online", "driving"])
        let p = try CarScript("data; 15 data shift=P speed=0")
        #expect(p.states == ["online"])
        #expect(p.book.drives.isEmpty)
        #expect(n.wrong + p.wrong == [])
    }

    @Test func `6: P closes it, with its position`() throws {
        let s = try CarScript("data; 15 data shift=D speed=5 odo=7671.3; 3 data speed=15 odo=7671.4; 3 data shift=P speed=0 odo=7671.5")
        #expect(s.book.drives[0].positions.count == 3)
        #expect(s.book.drives[0].end?.distanceKm == 0.321869)
        #expect(s.wrong == [])
    }

    @Test func `8: offline for ever shows after 80 s and closes after 15 min at the last position`() throws {
        var s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4")
        let last = s.now
        try s.play(16, "5 offline")
        #expect(s.states == ["online", "driving"])
        #expect(s.wait == 5)
        #expect(s.question == .summary)
        try s.play("5 offline")
        #expect(s.states == ["online", "driving", "offline"])
        #expect(s.wait == 30)
        #expect(s.book.openDrive != nil)
        try s.play(28, "30 offline")
        #expect(s.book.openDrive == nil)
        #expect(s.book.drives[0].end?.end.at == last)
        #expect(s.book.drives[0].end?.reason == .offline)
        #expect(s.book.states.map(\.state) == [.online, .offline])
        #expect(s.states == ["online", "driving", "offline"])
        #expect(s.wrong == [])
    }

    @Test func `9: asleep closes it at once`() throws {
        let s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4; 3 asleep")
        #expect(s.states == ["online", "driving", "asleep"])
        #expect(s.book.drives[0].end?.reason == .asleep)
        #expect(s.book.openParking != nil)
        #expect(s.wrong == [])
    }

    @Test(arguments: [(10, ["online", "driving", "online"]), (20, ["online", "driving", "offline", "driving", "online"])])
    func `11, 12: back within 15 min the same drive goes on`(count: Int, states: [String]) throws {
        var s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4")
        try s.play(count, "5 offline")
        try s.play("5 data odo=7672.1; 3 data odo=7672.2; 3 data shift=null speed=null odo=7672.3")
        #expect(s.states == states)
        #expect(s.book.drives.count == 1)
        #expect(s.book.drives[0].end?.gapSeconds == (count == 10 ? 0 : 105))
        #expect(s.book.drives[0].end?.distanceKm == 1.609344)
        #expect(s.wrong == [])
    }

    @Test func `7, 10: back after 15 min without more range: closed, and another drive`() throws {
        var s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4")
        let last = s.now
        try s.play(20, "30 e500")
        try s.play("600 data odo=7680.4; 3 data odo=7680.5; 3 data shift=P speed=0 odo=7680.6")
        #expect(s.book.drives.count == 2)
        #expect(s.book.drives[0].end?.end.at == last)
        #expect(s.book.drives[0].end?.reason == .restart)
        #expect(s.book.parkings.count == 2)
        #expect(s.wrong == [])
    }

    @Test func `a garage: the car stood there all the time, and drives on after hours`() throws {
        var s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4")
        let last = s.now
        try s.play(300, "30 offline")
        try s.play("30 online; data odo=7671.4; 3 data odo=7671.5; 3 data shift=null speed=null odo=7671.6")
        #expect(s.book.drives.count == 2)
        let garage = try #require(s.book.parkings.dropFirst().first)
        #expect(garage.start.start.at == last)
        #expect(garage.end?.end.at == s.book.drives[1].start.at)
        #expect(s.wrong == [])
    }

    @Test func `back with more range: closed, and a charge that nobody saw`() throws {
        var s = try CarScript("data added=20; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4")
        let last = s.now
        try s.play(70, "5 offline")
        try s.play("5 data odo=7671.4 shift=null speed=null range=230 ideal=230 level=80 added=9.5 state=Complete")
        #expect(s.book.drives.count == 1)
        #expect(s.book.drives[0].end?.reason == .charged)
        let charge = try #require(s.book.charges.first)
        #expect(charge.start.isInferred)
        #expect(charge.start.start.at == last)
        #expect(charge.end?.energyAddedKwh == 9.5)
        #expect(charge.end?.end.at == s.now)
        let parking = try #require(s.book.parkings.last)
        #expect(parking.start.start.at == last)
        #expect(s.states.last == "online")
        #expect(s.wrong == [])
    }

    @Test func `a drive across midnight and the end of a month is one drive`() throws {
        var s = try CarScript()
        s.now = Timestamp(seconds: 1_769_903_940)
        try s.play("data; 15 data shift=D speed=50 odo=7671.3; 60 data odo=7672; 30 data shift=P speed=0 odo=7672.3")
        #expect(s.book.drives.count == 1)
        #expect(s.book.drives[0].end?.durationMin == 1.5)
        #expect(s.wrong == [])
    }

    @Test func `at a service centre it is closed, and asked again after a minute`() throws {
        let s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4; 3 e405")
        #expect(s.book.drives[0].end?.reason == .service)
        #expect(s.states == ["online", "driving", "online"])
        #expect(s.wait == 60)
        let summary = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4; 3 e408u; service")
        #expect(summary.book.drives[0].end?.reason == .service)
        #expect(summary.wait == 60)
        #expect(s.wrong + summary.wrong == [])
    }

    @Test func `without an odometer the way between the positions is its length`() throws {
        let s = try CarScript(
            "data odo=null; 15 data shift=D speed=50 lat=30.0 lon=120.0; 10 data lat=30.01; 10 data lat=30.02; 10 data shift=null speed=null")
        let drive = try #require(s.book.drives.first?.end)
        #expect((drive.distanceKm - 2.224).magnitude < 0.01)
        #expect(drive.end.odometerKm == nil)
        #expect(s.wrong == [])
    }

    @Test func `without a range it has no energy by range, and is kept`() throws {
        let s = try CarScript(
            "data range=null ideal=null est=null; 15 data shift=D speed=50 odo=7671.3 power=10; 10 data odo=7671.5; 10 data shift=null speed=null odo=7671.6")
        let drive = try #require(s.book.drives.first?.end)
        #expect(drive.energyRangeKwh == nil)
        #expect(s.wrong == [])
    }

    @Test func `an odometer that goes back or leaps once is left out`() throws {
        let s = try CarScript(
            """
            data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=12.5; 3 data odo=99999; 3 data odo=7671.4; 3 data odo=0;
            3 data shift=null speed=null odo=7671.5
            """)
        let drive = try #require(s.book.drives.first)
        #expect(drive.end?.distanceKm == 0.321869)
        #expect(drive.positions.compactMap(\.odometerKm).allSatisfy { (12_345.6...12_347).contains($0) })
        #expect(s.wrong == [])
    }

    @Test func `an odometer that stays elsewhere is believed after three answers, and the way driven stays`() throws {
        let s = try CarScript(
            """
            data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4; 3 data odo=5000.0; 3 data odo=5000.1; 3 data odo=5000.2; 3 data odo=5000.3;
            3 data shift=null speed=null odo=5000.4
            """)
        let drive = try #require(s.book.drives.first?.end)
        #expect((drive.distanceKm - 0.482803).magnitude < 1e-4)
        #expect(s.view.odometerKm == CarUnits.odometer(5000.4))
        #expect(s.wrong == [])
    }

    @Test func `a drive that nobody saw ends the parking at its last reading, and is a gap`() throws {
        let s = try CarScript("data; 15 data; 3600 data odo=7690; 15 data")
        #expect(s.book.drives.isEmpty)
        #expect(s.book.parkings.count == 2)
        #expect(s.book.parkings[0].end?.end.at == CarScript.start.adding(seconds: 15))
        #expect(s.book.parkings[1].start.start.at == CarScript.start.adding(seconds: 3615))
        #expect(s.wrong == [])
    }

    @Test func `a drive's speed without a shift does not end it`() throws {
        let s = try CarScript(
            "data; 15 data shift=D speed=50 odo=7671.3; 3 data shift=null speed=45 odo=7671.4; 3 data shift=SNA speed=40; 3 data shift=D odo=7671.5")
        #expect(s.book.drives.count == 1)
        #expect(s.book.openDrive == 0)
        #expect(s.wrong == [])
    }

    @Test func `a rest between the last sample and P is not part of the drive`() throws {
        let s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4; 600 data shift=null speed=null")
        let drive = try #require(s.book.drives.first?.end)
        #expect(drive.end.at == CarScript.start.adding(seconds: 18))
        #expect(s.book.parkings.last?.start.start.at == drive.end.at)
        #expect(s.wrong == [])
    }
}
