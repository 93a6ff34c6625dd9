import Bytes

/// An event as it is, or should be.
struct AlertEpisode: Hashable {
    var type: AlertType
    var triggered: Timestamp
    var ended: Timestamp?
    var value: Int64
    var threshold: Int64
}

/// What to do to a device's events so that they are those that follow from its reports. Pure.
struct AlertDifference: Equatable {
    struct Opening: Equatable {
        var episode: AlertEpisode
        var rule: AlertRule
    }

    struct Move: Equatable {
        /// When it is triggered as it stands.
        var from: Timestamp
        var to: AlertEpisode
    }

    struct Ending: Equatable {
        var type: AlertType
        var triggered: Timestamp
        var at: Timestamp
    }

    var openings: [Opening] = []
    /// Events there are whose condition has ended.
    var endings: [Ending] = []
    /// The same episode, found to have begun or ended at another time, or with another value. What users did with it stays.
    var moves: [Move] = []
    var deletions: [AlertEpisode] = []

    /// Changes in order, without a look back.
    init(inOrder changes: [AlertChange]) {
        for change in changes {
            switch change {
            case .open(let type, let at, let value, let threshold, let rule):
                openings.append(Opening(episode: AlertEpisode(type: type, triggered: at, ended: nil, value: value, threshold: threshold), rule: rule))
            case .close(let type, let triggered, let at):
                if let i = openings.lastIndex(where: { $0.episode.type == type && $0.episode.triggered == triggered }) {
                    openings[i].episode.ended = at
                } else {
                    endings.append(Ending(type: type, triggered: triggered, at: at))
                }
            }
        }
    }

    /// What a second run from `start` on found, against the events there are: those triggered after it, and those that were open at it.
    init(rerun changes: [AlertChange], from start: AlertMachine, existing: [AlertEpisode]) {
        let found = AlertDifference(inOrder: changes)
        for type in AlertType.ofReports {
            let condition = start.conditions[type.slot]
            let carried = condition.phase == .fired ? condition.last : nil
            var old = existing.filter { $0.type == type }
            var new = found.openings.filter { $0.episode.type == type }
            if let carried, let before = old.first(where: { $0.triggered == carried }) {
                var after = before
                after.ended = found.endings.first { $0.type == type && $0.triggered == carried }?.at
                if after != before { moves.append(Move(from: carried, to: after)) }
            }
            old.removeAll { $0.triggered <= start.at }
            for opening in new {
                guard let i = old.firstIndex(where: { $0.triggered == opening.episode.triggered }) else { continue }
                if old[i] != opening.episode { moves.append(Move(from: old[i].triggered, to: opening.episode)) }
                old.remove(at: i)
                new.removeAll { $0 == opening }
            }
            let pairs = min(old.count, new.count)
            for i in 0..<pairs { moves.append(Move(from: old[i].triggered, to: new[i].episode)) }
            deletions += old.dropFirst(pairs)
            openings += new.dropFirst(pairs)
        }
    }
}
