import Bytes
import Postgres
import Protocol

/// An event as listeners get it once it is committed.
struct AlertPublication {
    let topic: String
    let payload: [UInt8]
}

/// What a group of reports changes about events, gathered over its devices and written in a few statements.
struct AlertWrites {
    private struct Opening {
        let device: Int64
        let opening: AlertDifference.Opening
        let message: String
    }

    private var openings: [Opening] = []
    private var endings: [(device: Int64, ending: AlertDifference.Ending)] = []
    private var moves: [(device: Int64, move: AlertDifference.Move, message: String)] = []
    private var deletions: [(device: Int64, episode: AlertEpisode)] = []
    /// Devices that are heard again.
    var returned: [Int64] = []

    mutating func add(_ difference: AlertDifference, device: Int64, _ settings: AlertSettings) {
        let minutes = settings.drainMinutes
        for opening in difference.openings {
            openings.append(
                Opening(
                    device: device, opening: opening, message: AlertText.message(opening.episode.type, value: opening.episode.value, minutes: minutes)))
        }
        for ending in difference.endings { endings.append((device, ending)) }
        for move in difference.moves { moves.append((device, move, AlertText.message(move.to.type, value: move.to.value, minutes: minutes))) }
        for episode in difference.deletions { deletions.append((device, episode)) }
    }

    /// Writes events and mail jobs, and returns what is to be told after the commit.
    func write(_ transaction: PostgresTransaction) async throws -> [AlertPublication] {
        var steps: [(statement: Statement, parameters: Parameters, isOpening: Bool)] = []
        if !deletions.isEmpty {
            steps.append(
                (
                    AlertSQL.delete,
                    Parameters(deletions.map(\.device), deletions.map(\.episode.type.rawValue), deletions.map(\.episode.triggered)), false
                ))
        }
        if !moves.isEmpty {
            steps.append(
                (
                    AlertSQL.move,
                    Parameters(
                        moves.map(\.device), moves.map(\.move.to.type.rawValue), moves.map(\.move.from), moves.map(\.move.to.triggered),
                        moves.map(\.move.to.ended),
                        moves.map(\.message), moves.map { Self.number($0.move.to.value) }, moves.map { Self.number($0.move.to.threshold) }), false
                ))
        }
        if !openings.isEmpty {
            let episodes = openings.map(\.opening.episode)
            steps.append(
                (
                    AlertSQL.open,
                    Parameters(
                        openings.map(\.device), openings.map(\.opening.rule.id), episodes.map(\.type.rawValue), openings.map(\.opening.rule.level),
                        openings.map(\.message), episodes.map { Self.number($0.value) }, episodes.map { Self.number($0.threshold) },
                        episodes.map(\.triggered), episodes.map(\.ended)), true
                ))
        }
        if !endings.isEmpty {
            steps.append(
                (
                    AlertSQL.end,
                    Parameters(endings.map(\.device), endings.map(\.ending.type.rawValue), endings.map(\.ending.triggered), endings.map(\.ending.at)), false
                ))
        }
        if !returned.isEmpty { steps.append((AlertSQL.back, Parameters(returned), false)) }
        let results = try await transaction.batch(steps.map { ($0.statement, $0.parameters) })
        var publications: [AlertPublication] = []
        var mails: [String] = []
        let mailed = Set(openings.filter(\.opening.rule.wantsMail).map(\.opening.rule.id))
        for (step, rows) in zip(steps, results) {
            for row in 0..<rows.count {
                let topic = Topic.alerts(try rows.string(row, 1))
                let isResolved = try rows.string(row, 5) == "resolved"
                if step.isOpening {
                    publications.append(AlertPublication(topic: topic, payload: try AlertText.payload(rows, row, happened: "triggered")))
                    if mailed.contains(try rows.string(row, 2)) { mails.append(try rows.string(row, 0)) }
                }
                if isResolved { publications.append(AlertPublication(topic: topic, payload: try AlertText.payload(rows, row, happened: "resolved"))) }
            }
        }
        if !mails.isEmpty { transaction.enqueue(AlertSQL.mail, Parameters(mails)) }
        return publications
    }

    private static func number(_ thousandths: Int64) -> Double { Double(thousandths) / 1000 }
}
