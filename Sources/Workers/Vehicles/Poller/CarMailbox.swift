import Bytes

/// What comes in for a car and was not taken by its machine yet, in order. Bounded: of frames the oldest goes, which the next one mostly makes up for;
/// of answers there is one at most, of commands a few.
struct CarMailbox {
    enum Item {
        /// An answer to the car's own question, with its text.
        case answer(VehicleInput, raw: [UInt8])
        /// What the stream says; nothing came of it where it was not asked.
        case streamed(VehicleInput, raw: [UInt8])
        case command(VehicleCommand, CommandReply)
        /// Something beside the car has changed that shows in its view.
        case look
    }

    /// Four minutes at the stream's highest rate.
    static let mostFrames = 1_000
    static let mostCommands = 16

    private(set) var items: [Item] = []
    private var frames = 0
    private var commands = 0
    private(set) var dropped = 0

    var isEmpty: Bool { items.isEmpty }
    /// The database has not taken anything for long: nothing more is asked.
    var isLong: Bool { frames > Self.mostFrames / 2 }

    /// False: the item was refused.
    mutating func append(_ item: Item) -> Bool {
        switch item {
        case .streamed:
            if frames >= Self.mostFrames { dropOldest() }
            frames += 1
        case .command:
            guard commands < Self.mostCommands else { return false }
            commands += 1
        case .answer: break
        case .look:
            if case .look? = items.last { return true }
        }
        items.append(item)
        return true
    }

    private mutating func dropOldest() {
        guard let oldest = items.firstIndex(where: { if case .streamed(.frame, _) = $0 { true } else { false } }) else { return }
        items.remove(at: oldest)
        frames -= 1
        dropped += 1
    }

    /// How many frames gave way since it was asked last.
    mutating func takeDropped() -> Int {
        defer { dropped = 0 }
        return dropped
    }

    mutating func takeAll() -> [Item] {
        defer {
            items = []
            frames = 0
            commands = 0
        }
        return items
    }
}

/// Who waits for a command's end.
final class CommandReply {
    private var result: Result<Void, CommandRefusal>?
    private var waiter: UnsafeContinuation<Void, Never>?

    func finish(_ result: Result<Void, CommandRefusal>) {
        guard self.result == nil else { return }
        self.result = result
        waiter?.resume()
        waiter = nil
    }

    func wait() async -> Result<Void, CommandRefusal> {
        await withUnsafeContinuation { continuation in
            if result == nil { waiter = continuation } else { continuation.resume() }
        }
        return result ?? .failure(CommandRefusal(message: "the poller is stopping"))
    }
}
