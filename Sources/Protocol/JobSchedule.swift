import Bytes

/// A periodic job: when it runs, and the job that each slot enqueues.
public struct JobSchedule: Hashable, Sendable {
    /// Identifies the schedule.
    public var name: String
    /// A `CronExpression`.
    public var cron: String
    /// The time zone of the expression, by its tz name: `Europe/Berlin`.
    public var zone: String
    /// What a slot enqueues. It has neither a `runAt` nor a `uniqueKey`: the slot is both.
    public var draft: JobDraft
    public var catchUp: CatchUp
    /// No slot of a paused schedule runs.
    public var isPaused: Bool

    public init(name: String, cron: String, zone: String = "UTC", draft: JobDraft, catchUp: CatchUp = .last, isPaused: Bool = false) {
        self.name = name
        self.cron = cron
        self.zone = zone
        self.draft = draft
        self.catchUp = catchUp
        self.isPaused = isPaused
    }

    /// The first rule this schedule breaks. Whether the zone exists only its file tells.
    public var fault: String? {
        if !(1...Header.maxName).contains(name.utf8.count) || name.utf8.contains(0) { return "name must have 1 to \(Header.maxName) bytes" }
        do throws(CronError) {
            _ = try CronExpression(cron)
        } catch {
            return "cron: \(error)"
        }
        if !TimeZoneRules.isName(zone) { return "zone must be a time zone's name, such as Europe/Berlin" }
        if case .all(let seconds) = catchUp, !(CatchUp.graceSeconds...CatchUp.maxSeconds).contains(seconds) {
            return "catch_up window must be \(CatchUp.graceSeconds) to \(CatchUp.maxSeconds) s"
        }
        if !(1...Header.maxName).contains(draft.kind.utf8.count) { return "kind must have 1 to \(Header.maxName) bytes" }
        if draft.runAt != nil { return "run_at is the schedule's own" }
        if draft.uniqueKey != nil { return "unique_key is the schedule's own" }
        if let fault = draft.fault { return fault }
        do throws(JSONError) {
            try JSONReader.read(draft.args) { (r) throws(JSONError) in try r.skip() }
        } catch {
            return "args: \(error)"
        }
        return nil
    }
}
