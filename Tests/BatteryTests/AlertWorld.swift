import Bytes

@testable import Workers

/// A device with its stored reports and events, as the worker keeps them in the database.
struct AlertWorld {
    var settings: AlertSettings
    var timeline = AlertTimeline()
    var events: [AlertEpisode] = []
    var reruns = 0
    private var stored: [Timestamp: AlertReport] = [:]

    init(_ settings: AlertSettings) { self.settings = settings }

    mutating func take(_ batch: [AlertReport]) {
        var new: [AlertReport] = []
        for report in batch where stored[report.at] == nil {
            stored[report.at] = report
            new.append(report)
        }
        guard !new.isEmpty else { return }
        // What is kept is all there is.
        guard let kept = AlertTimeline(timeline.bytes) else { preconditionFailure("state unreadable") }
        precondition(kept == timeline, "state not kept whole")
        timeline = kept
        timeline.settle(settings)
        if let changes = timeline.take(new.sorted { $0.at < $1.at }, settings) {
            apply(AlertDifference(inOrder: changes))
        } else {
            reruns += 1
            let start = timeline.oldest
            let tail = stored.values.filter { $0.at > start.at }.sorted { $0.at < $1.at }
            let changes = timeline.rerun(tail, settings)
            apply(AlertDifference(rerun: changes, from: start, existing: events))
        }
    }

    private mutating func apply(_ difference: AlertDifference) {
        for gone in difference.deletions { events.removeAll { $0.type == gone.type && $0.triggered == gone.triggered } }
        let moved = difference.moves
        events.removeAll { event in moved.contains { $0.to.type == event.type && $0.from == event.triggered } }
        events += moved.map(\.to)
        events += difference.openings.map(\.episode)
        for ending in difference.endings {
            for i in events.indices where events[i].type == ending.type && events[i].triggered == ending.triggered { events[i].ended = ending.at }
        }
    }
}
