/// One pattern and who has it: `solo` clients have no other, `multi` clients have several.
final class TopicChannel {
    let pattern: TopicPattern
    var solo: [Subscriber] = []
    var multi: [Subscriber] = []
    /// This tick's frames for the solo clients.
    var pending: [SharedFrame] = []
    var pendingBytes = 0

    init(_ pattern: TopicPattern) { self.pattern = pattern }

    fileprivate func add(_ subscriber: Subscriber, solo isSolo: Bool) -> Int {
        if isSolo {
            solo.append(subscriber)
            return solo.count - 1
        }
        multi.append(subscriber)
        return multi.count - 1
    }

    /// Fills the gap with the last one, which learns its new place.
    fileprivate func remove(at index: Int, solo isSolo: Bool) {
        let moved = isSolo ? solo.removeLast() : multi.removeLast()
        if index == (isSolo ? solo.count : multi.count) { return }
        if isSolo { solo[index] = moved } else { multi[index] = moved }
        moved.moved(in: self, to: index)
    }
}

/// A socket's subscriptions, with its place in each channel, so that leaving costs the same in a crowd.
final class Subscriber {
    struct Seat {
        let channel: TopicChannel
        var index: Int
    }

    unowned let socket: WebSocket
    private(set) var seats: [Seat] = []
    /// The last publish that reached this client through any of its channels.
    var lastPublished: UInt64 = 0

    init(_ socket: WebSocket) { self.socket = socket }

    func sit(in channel: TopicChannel) {
        if seats.count == 1 { reseat(solo: false) }
        seats.append(Seat(channel: channel, index: channel.add(self, solo: seats.isEmpty)))
    }

    func leave(_ channel: TopicChannel) {
        guard let i = seats.firstIndex(where: { $0.channel === channel }) else { return }
        let wasSolo = seats.count == 1
        let seat = seats.remove(at: i)
        channel.remove(at: seat.index, solo: wasSolo)
        if seats.count == 1 { reseat(solo: true) }
    }

    private func reseat(solo: Bool) {
        let seat = seats[0]
        seat.channel.remove(at: seat.index, solo: !solo)
        seats[0].index = seat.channel.add(self, solo: solo)
    }

    fileprivate func moved(in channel: TopicChannel, to index: Int) {
        for i in seats.indices where seats[i].channel === channel { seats[i].index = index }
    }
}
