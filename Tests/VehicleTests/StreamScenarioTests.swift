import Bytes
import Protocol
import Testing

@testable import Workers

/// The stream: the numbers are those of the reference's scenarios.
@Suite struct StreamScenarioTests {
    private static func script(_ text: String) throws -> CarScript { try CarScript(text, rules: CarScript.streaming) }

    @Test func `47: the first D frame starts the drive, every frame is a position, an answer ends it`() throws {
        let s = try Self.script(
            """
            data odo=1000; 1 connected; 5 frame shift=P speed=0 odo=1000 power=0; 1 frame shift=D speed=10 odo=1000 power=5 elev=8;
            1 frame shift=D speed=12 odo=1000.1 power=6 elev=12; 1 frame shift=N odo=1000.1 power=0 elev=9; 1 frame shift=R speed=-2 odo=1000.2 power=1;
            1 frame shift=P speed=0 odo=1000.2; 3 data shift=P odo=1000.21
            """)
        #expect(s.states == ["online", "driving", "online"])
        let drive = try #require(s.book.drives.first)
        #expect(drive.positions.count == 5)
        #expect(drive.positions[0].speed == 16)
        #expect(drive.positions[0].odometerKm == 1609.344)
        #expect(drive.positions.map(\.elevation) == [8, 12, 9, nil, nil])
        #expect(drive.positions.map(\.isStreamed) == [true, true, true, true, false])
        #expect(drive.end?.ascentM == 4)
        #expect(drive.end?.descentM == 3)
        #expect(drive.end?.distanceKm == 0.337962)
        #expect(s.wrong == [])
    }

    @Test func `50: power into a parked car is a hint; the answer makes the charge, without the stream`() throws {
        var s = try Self.script("data; 1 connected; 10 frame power=-1")
        #expect(s.states == ["online"])
        #expect(s.question == .data)
        #expect(s.wait == 0)
        #expect(s.machine.plan.wantsStream)
        try s.play("data state=Charging added=0.1")
        #expect(s.states == ["online", "charging"])
        #expect(!s.machine.plan.wantsStream)
        try s.play("5 data state=Stopped")
        #expect(s.machine.plan.wantsStream)
        #expect(s.wrong == [])
    }

    @Test func `51: while suspended P means nothing, and D starts a drive without a poll`() throws {
        let s = try Self.script(
            "data; 1 connected; 1 suspend; 10 frame shift=P power=0; 10 frame shift=D speed=50 odo=7671.3 power=20; 1 frame shift=D speed=50 odo=7671.4 power=20"
        )
        #expect(s.states == ["online", "suspended", "driving"])
        #expect(s.book.drives[0].positions.count == 2)
        #expect(s.book.parkings[0].end?.end.at == s.book.drives[0].start.at)
        #expect(s.wrong == [])
    }

    @Test func `52: while suspended power is a hint in either direction`() throws {
        let s = try Self.script("data; 1 connected; 1 suspend; 60 frame power=-5; data state=Charging added=0.1")
        #expect(s.states == ["online", "suspended", "online", "charging"])
        let used = try Self.script("data; 1 connected; 1 suspend; 60 frame power=2")
        #expect(used.states == ["online", "suspended", "online"])
        #expect(used.question == .data)
        #expect(used.wait == 0)
        #expect(s.wrong + used.wrong == [])
    }

    @Test func `54: while it installs there is no stream, and frames mean nothing`() throws {
        let s = try Self.script("data; 1 connected; 15 data update=installing; 1 frame shift=D speed=50; 1 frame power=-5")
        #expect(s.states == ["online", "updating"])
        #expect(!s.machine.plan.wantsStream)
        #expect(s.book.drives.isEmpty)
        #expect(s.wait == 13)
        #expect(s.wrong == [])
    }

    @Test func `55: the stream says offline: the summary is asked at once`() throws {
        let s = try Self.script("data; 1 connected; 5 vehicle_offline")
        #expect(s.question == .summary)
        #expect(s.wait == 0)
        let quiet = try Self.script("data; 1 connected; 1 suspend; 60 inactive")
        #expect(quiet.question == .summary)
        #expect(quiet.wait == 0)
    }

    @Test func `suspended with a stream it is looked for each 30 s, and never asked`() throws {
        var s = try Self.script("data; 1 connected; 1 suspend")
        for _ in 0..<200 {
            #expect(s.question == .summary)
            s.now = max(s.now, s.machine.plan.at)
            try s.play("online")
        }
        #expect(s.states == ["online", "suspended"])
        try s.play("1 disconnected")
        #expect(s.question == .data)
    }

    @Test func `a wake without power is none: nothing is asked of the car`() throws {
        var s = try Self.script("data; 15 asleep; 30 online")
        #expect(s.view.state == .asleep)
        #expect(s.machine.plan.wantsStream)
        #expect(s.question == .data)
        #expect(s.wait == 30)
        try s.play("2 connected; 1 frame soc=66")
        #expect(s.question == .summary)
        #expect(s.wait == 27)
        try s.play("27 online; 30 online; 30 asleep")
        #expect(s.states == ["online", "asleep"])
        #expect(!s.machine.plan.wantsStream)
        #expect(s.wrong == [])
    }

    @Test func `a wake with power in a frame is one, and so is one of which no frame tells for 30 s`() throws {
        let power = try Self.script("data; 15 asleep; 30 online; 2 connected; 1 frame power=0")
        #expect(power.states == ["online", "asleep", "online"])
        #expect(power.question == .data)
        #expect(power.wait == 0)
        var silent = try Self.script("data; 15 asleep; 30 online; 2 connected; 28 tick")
        #expect(silent.question == .data)
        #expect(silent.wait == 0)
        try silent.play("data")
        #expect(silent.states == ["online", "asleep", "online"])
        #expect(power.wrong + silent.wrong == [])
    }

    @Test func `a wake that is none for ten minutes is looked at all the same`() throws {
        var s = try Self.script("data; 15 asleep; 30 online; 1 connected; 1 frame soc=66")
        try s.play(21, "30 online")
        #expect(s.states == ["online", "asleep", "online"])
        #expect(s.question == .data)
    }

    @Test func `after a resume a car that is online is asked at once`() throws {
        let s = try Self.script("data; 15 asleep; 30 resume; 1 online")
        #expect(s.states == ["online", "asleep", "online"])
        #expect(s.question == .data)
        #expect(s.wait == 0)
    }

    @Test func `frames go on while the service says offline: nothing of the drive is lost`() throws {
        var s = try Self.script("data; 1 connected; 15 data shift=D speed=50 odo=7671.3; 3 e408u; offline")
        for i in 0..<300 { try s.play("4 frame shift=D speed=50 odo=\(7671.4 + Double(i) / 10) power=10; 1 offline") }
        #expect(s.states == ["online", "driving"])
        #expect(s.book.drives[0].positions.count == 301)
        try s.play("1 asleep")
        #expect(s.states == ["online", "driving"])
        try s.play("5 data shift=P speed=0 odo=7701.5")
        let drive = try #require(s.book.drives.first?.end)
        #expect((drive.distanceKm - 48.602189).magnitude < 1e-5)
        #expect(drive.gapSeconds == 0)
        #expect(s.wrong == [])
    }

    @Test func `frames that come twice, late or out of order are left out`() throws {
        let s = try Self.script(
            """
            data; 1 connected; 5 frame shift=D speed=50 odo=7671.2; 1 frame shift=D speed=50 odo=7671.3; frame shift=D speed=50 odo=7671.3;
            1 frame t=5 shift=D speed=50 odo=7671.2; frame t=1.5 shift=D speed=70; 1 frame shift=D speed=50 odo=7671.4
            """)
        #expect(s.book.drives[0].positions.count == 3)
        #expect(s.book.drives[0].positions.map(\.speed) == [80, 80, 80])
        #expect(s.wrong == [])
    }

    @Test func `a D frame from before the last answer starts nothing`() throws {
        let s = try Self.script("data; 1 connected; 15 data; 1 frame t=10 shift=D speed=50; 1 frame t=7200 shift=D speed=50")
        #expect(s.states == ["online"])
        #expect(s.book.drives.isEmpty)
    }

    @Test func `an answer that a frame has overtaken does not end the drive, and its range counts`() throws {
        let s = try Self.script(
            """
            data; 1 connected; 5 frame shift=D speed=50 odo=7671.2 power=10; 5 frame shift=D speed=50 odo=7671.4 power=10; data t=6 range=200 ideal=200;
            1 frame shift=D speed=50 odo=7671.5 power=10
            """)
        #expect(s.states == ["online", "driving"])
        #expect(s.book.drives.count == 1)
        #expect(s.machine.state.drive?.last.rangeKm == 321.87)
        #expect(s.wrong == [])
    }

    @Test func `P in frames and no answer for five minutes: closed from the frames`() throws {
        var s = try Self.script(
            "data; 1 connected; 5 frame shift=D speed=50 odo=7671.2; 5 frame shift=D speed=50 odo=7671.3; 5 frame shift=P speed=0 odo=7671.4")
        let parked = s.now
        #expect(s.question == .data)
        #expect(s.wait == 0)
        try s.play(11, "30 e500")
        let drive = try #require(s.book.drives.first?.end)
        #expect(drive.reason == .stream)
        #expect(drive.end.at == parked)
        #expect(drive.positions == 3)
        #expect(s.states == ["online", "driving", "online"])
        #expect(s.book.openParking != nil)
        #expect(s.wrong == [])
    }

    @Test func `while frames come a driving car is asked each 15 s, without them each 3 s`() throws {
        var s = try Self.script("data; 1 connected; 15 data shift=D speed=50 odo=7671.3; 1 frame shift=D speed=50 odo=7671.3")
        #expect(s.wait == 14)
        try s.play("1 disconnected")
        #expect(s.wait == 1)
        #expect(s.wrong == [])
    }

    @Test func `hints do not ask more often than driving does`() throws {
        var s = try Self.script("data; 1 connected; 10 frame power=-1; data")
        for _ in 0..<8 { try s.play("0.25 frame power=-1") }
        #expect(s.question == .data)
        #expect(s.wait == 1)
    }

    @Test func `a drive from frames keeps the exact odometer of the last answer at its start`() throws {
        let s = try Self.script(
            """
            data odo=7671.284856; 1 connected; 5 frame shift=D speed=50 odo=7671.2; 5 frame shift=D speed=50 odo=7671.4; 5 data shift=P speed=0 odo=7671.451
            """)
        let drive = try #require(s.book.drives.first?.end)
        #expect(drive.start.odometerKm == CarUnits.odometer(7671.284856))
        #expect(drive.end.odometerKm == CarUnits.odometer(7671.451))
        #expect(s.wrong == [])
    }
}
