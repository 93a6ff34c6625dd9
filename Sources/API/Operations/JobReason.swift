public import Bytes

/// One reason why a job does not run, in a sentence.
public enum JobReason {
    /// The sentence for an item of `reasons` as `heliograph.why` writes them; a code that nobody knows stands for itself.
    public static func sentence(_ reason: JSONValue) -> String {
        func text(_ name: String) -> String { reason[name]?.string ?? "?" }
        func time(_ name: String) -> String { plainTime(text(name)) }
        func number(_ name: String) -> Int { reason[name]?.int ?? 0 }
        switch reason["reason"]?.string {
        case "finished":
            return "It finished at \(time("at"))" + (reason["error"]?.string.map { "; its last error was: \($0)" } ?? "") + "."
        case "running": return "It has been running since \(time("since")) for \(broker(reason))."
        case "cancelling": return "It was asked to stop at \(time("since")) and ends as cancelled unless it succeeds first."
        case "not_due":
            let failed = reason["error"]?.string.map { " (attempt \(number("attempt")) failed: \($0))" } ?? ""
            return "It waits for its time, \(time("run_at"))\(failed)."
        case "due": return "Its time has come (\(time("run_at"))); the brokers make it available within a second or so."
        case "key":
            let holder = reason["holder"]?.int.map { "job \($0) (\(text("holder_state")))" } ?? "an earlier job"
            return "It waits for \(holder), which has the same ordering key '\(text("ordering_key"))'; \(jobs(number("ahead"))) of this key "
                + (number("ahead") == 1 ? "is" : "are") + " before it."
        case "paused":
            let queue = text("queue") == "*" ? "All queues are" : "The queue '\(text("queue"))' is"
            return "\(queue) paused since \(time("since")) by \(text("by"))."
        case "limit": return "The kind '\(text("kind"))' may have \(number("max_running")) jobs running at once, and has \(number("running"))."
        case "rate":
            return "The kind '\(text("kind"))' has used up its starts for now (\(decimal(reason["per_second"])) a second, at most \(number("burst")) at once)."
        case "no_worker": return "No worker that is connected serves the kind '\(text("kind"))'."
        case "busy" where number("workers") == 1: return "The one worker that serves its kind is busy."
        case "busy": return "All \(number("workers")) workers that serve its kind are busy."
        case "behind" where number("ahead") == 0: return "Nothing stands in its way; it is the next of its kind."
        case "behind":
            let count = reason["capped"] == true ? "more than \(jobs(number("ahead")))" : jobs(number("ahead"))
            return "It waits behind \(count) of its kind that " + (number("ahead") == 1 ? "comes" : "come") + " first."
        case let code: return "\(code ?? "?")."
        }
    }

    /// Without the fraction and in UTC, where it is a time at all.
    private static func plainTime(_ text: String) -> String {
        RFC3339.parse(text).map { RFC3339.string(Timestamp(seconds: $0.seconds)) } ?? text
    }

    private static func broker(_ reason: JSONValue) -> String {
        if let name = reason["broker"]?.string { return "broker '\(name)'" }
        return "a broker that is gone; it is offered again soon"
    }

    private static func jobs(_ count: Int) -> String { count == 1 ? "1 job" : "\(count) jobs" }

    private static func decimal(_ value: JSONValue?) -> String {
        guard let number = value?.double else { return "?" }
        return number == number.rounded() && abs(number) < 1e9 ? String(Int(number)) : String(number)
    }
}
