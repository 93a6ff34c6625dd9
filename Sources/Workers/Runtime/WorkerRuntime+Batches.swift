import Protocol
import Reactor
import ZeroMQ

/// Ingest: batches that arrive while a group is being committed form the next group. Under load one commit carries many.
extension WorkerRuntime {
    /// What is worth a commit of its own beside another, bytes: some sixteen reports or readings.
    private static let muchBytes = 512

    func acceptBatch(_ view: MessageView, link: Int, on loop: isolated EventLoop) {
        let name = view.nameString
        guard streams[name] != nil else {
            let refusal = Refusal(.noWorker, "not served here")
            client.send(Header(.refused, requestID: view.header.requestID), payload: refusal.payload, link: link, on: loop)
            return
        }
        let batch = IngestBatch(id: view.header.requestID, link: link, payload: view.payloadArray)
        streams[name]?.waitingBytes += batch.payload.count
        streams[name]?.waiting.append(batch)
        // What arrived together is committed together.
        guard streams[name]?.isStarting == false else { return }
        streams[name]?.isStarting = true
        loop.atEndOfTick { [self] in
            streams[name]?.isStarting = false
            startGroups(name, on: loop)
        }
    }

    /// Beside one group another one is worth a commit only when there is much to commit: small ones wait for one another.
    private func startGroups(_ name: String, on loop: isolated EventLoop) {
        while let stream = streams[name], !stream.waiting.isEmpty,
            stream.running == 0 || (stream.running < options.groups && stream.waitingBytes >= Self.muchBytes)
        {
            let group = takeGroup(name)
            streams[name]?.running += 1
            loop.spawn { await self.commit(group, name, on: loop) }
        }
    }

    /// What waits is shared out among the groups that can run now, where each share is worth its commit: they go on side by side.
    private func takeGroup(_ name: String) -> [IngestBatch] {
        guard let stream = streams[name] else { return [] }
        let waiting = stream.waiting
        let share = stream.waitingBytes / max(1, options.groups - stream.running)
        let enough = share >= Self.muchBytes ? share : .max
        var bytes = 0
        var count = 0
        while count < waiting.count, count == 0 || (bytes < enough && bytes + waiting[count].payload.count <= options.groupBytes) {
            bytes += waiting[count].payload.count
            count += 1
        }
        streams[name]?.waiting.removeFirst(count)
        streams[name]?.waitingBytes -= bytes
        return Array(waiting.prefix(count))
    }

    private func commit(_ group: [IngestBatch], _ name: String, on loop: isolated EventLoop) async {
        guard let handler = streams[name]?.handler else { return }
        let answers = await handler(group.map(\.payload))
        for (batch, answer) in zip(group, answers) {
            switch answer {
            case .success(let payload):
                client.send(Header(.committed, requestID: batch.id), payload: payload, link: batch.link, on: loop)
            case .failure(let refusal):
                client.send(Header(.refused, requestID: batch.id), payload: refusal.payload, link: batch.link, on: loop)
            }
        }
        countBatches(group.count)
        streams[name]?.running -= 1
        startGroups(name, on: loop)
    }
}
