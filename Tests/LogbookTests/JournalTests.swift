import Bytes
import Testing

@testable import Workers

@Suite struct JournalTests {
    static let answer = Array(
        """
        {"response":{"id":1492931000000001,"vehicle_id":1126341070917908,"vin":"LRW3E7EK1NC000001","state":"online",\
        "drive_state":{"latitude":30.2741,"longitude":120.1551,"heading":180,"speed":null,"power":0,"shift_state":null,"gps_as_of":1767225600,\
        "timestamp":1767225600123},"charge_state":{"charging_state":"Disconnected","battery_level":67,"usable_battery_level":65,"battery_range":205.1,\
        "est_battery_range":187.4,"ideal_battery_range":205.1,"charge_energy_added":0.0,"charger_power":0,"charger_phases":null,"charge_limit_soc":80,\
        "time_to_full_charge":0.0,"fast_charger_present":false,"fast_charger_type":"<invalid>","timestamp":1767225600123},"climate_state":{\
        "inside_temp":22.5,"outside_temp":15.0,"is_climate_on":false,"is_preconditioning":false,"climate_keeper_mode":"off","timestamp":1767225600123},\
        "vehicle_state":{"odometer":7671.2,"car_version":"2024.26.9 abc","locked":true,"sentry_mode":false,"df":0,"dr":0,"pf":0,"pr":0,"ft":0,"rt":0,\
        "tpms_pressure_fl":2.9,"software_update":{"status":"","version":"","download_perc":0},"timestamp":1767225600123}}}
        """.utf8)

    private static func input(_ input: VehicleInput, _ raw: [UInt8] = []) -> JournalInput { JournalInput(at: LogbookWorld.at(0), input: input, raw: raw) }

    @Test func anAnswerTakesASmallPartOfItsLengthAndComesBackWhole() throws {
        let codec = JournalCodec()
        let receivedAt = LogbookWorld.at(0).adding(microseconds: -12_345)
        let reading = try #require(VehicleReading.parse(Self.answer, receivedAt: receivedAt))
        let record = codec.record(Self.input(.data(reading), Self.answer), number: 65_537)
        #expect(record.isDeflated && record.kind == .data && record.number == 65_537)
        #expect(record.body.count < Self.answer.count / 3)
        let back = try codec.input(record)
        guard case .data(let again) = back.input else { throw JSONError(.wrongType, at: 0) }
        #expect(again == reading)
        #expect(back.raw == Self.answer && back.at == LogbookWorld.at(0))
    }

    @Test func framesStayTextAndKeepTheirTimeOfReceipt() throws {
        let codec = JournalCodec()
        let text = Array("1767225601123,31,7671.3,67,8,181,30.27412,120.15512,12,D,205,187,180".utf8)
        let frame = try #require(StreamFrame(value: text, receivedAt: LogbookWorld.at(5)))
        for raw in [text, Array(#"{"msg_type":"data:update","tag":"1","value":"\#(String(decoding: text, as: UTF8.self))"}"#.utf8)] {
            let back = try codec.input(codec.record(Self.input(.frame(frame), raw), number: 1))
            guard case .frame(let again) = back.input else { throw JSONError(.wrongType, at: 0) }
            #expect(again == frame)
            #expect(back.raw == raw)
        }
    }

    @Test(arguments: [
        PollFailure.unavailable, .timeout, .inService, .notFound, .unauthorized, .forbidden(isLimit: true), .forbidden(isLimit: false), .retired,
        .limited(retryAfter: 60_497), .server, .connection,
    ])
    func failuresComeBack(_ failure: PollFailure) throws {
        let codec = JournalCodec()
        let back = try codec.input(codec.record(Self.input(.failure(failure), Array("{\"error\":\"x\"}".utf8)), number: 1))
        guard case .failure(let again) = back.input else { throw JSONError(.wrongType, at: 0) }
        #expect(again == failure)
    }

    @Test func summariesEventsCommandsAndTicksComeBack() throws {
        let codec = JournalCodec()
        let raw = Array(#"{"response":{"state":"asleep","in_service":true}}"#.utf8)
        let summary = try codec.input(codec.record(Self.input(.summary(.inService), raw), number: 1))
        guard case .summary(.inService) = summary.input else { throw JSONError(.wrongType, at: 0) }
        #expect(summary.raw == raw)
        guard case .stream(.vehicleOffline) = try codec.input(codec.record(Self.input(.stream(.vehicleOffline)), number: 1)).input else {
            throw JSONError(.wrongType, at: 1)
        }
        guard case .command(.resume) = try codec.input(codec.record(Self.input(.command(.resume)), number: 1)).input else { throw JSONError(.wrongType, at: 2) }
        guard case .tick = try codec.input(codec.record(Self.input(.tick), number: 1)).input else { throw JSONError(.wrongType, at: 3) }
    }

    private static func isReadable(_ record: JournalRecord, _ codec: JournalCodec) -> Bool {
        do throws(JournalCodec.Unreadable) {
            _ = try codec.input(record)
            return true
        } catch {
            return false
        }
    }

    @Test func damagedRecordsAreRefusedAndNeverCrash() throws {
        let codec = JournalCodec()
        let reading = try #require(VehicleReading.parse(Self.answer, receivedAt: LogbookWorld.at(0)))
        let record = codec.record(Self.input(.data(reading), Self.answer), number: 1)
        var unknown = record
        unknown.body[0] = 9
        #expect(!Self.isReadable(unknown, codec))
        var random = SystemRandomNumberGenerator()
        var refused = 0
        for i in 1..<record.body.count {
            var cut = record
            cut.body.removeLast(i)
            #expect(!Self.isReadable(cut, codec))
            var flipped = record
            flipped.body[i] ^= UInt8.random(in: 1...255, using: &random)
            if !Self.isReadable(flipped, codec) { refused += 1 }
        }
        // What is left readable are changed letters of its texts.
        #expect(refused > 0)
        // The codec still works afterwards.
        let whole = try codec.input(record).raw
        #expect(whole == Self.answer)
    }
}
