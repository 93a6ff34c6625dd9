/// What a message asks or says. Numbers are on the wire: never reuse one.
public enum Verb: UInt8, Sendable, CaseIterable {
    // Session
    /// Peer → broker: who I am, what I serve (`Hello`).
    case hello = 1
    /// Broker → peer: name and epoch of this broker (`Welcome`).
    case welcome = 2
    /// Broker → peer: a message was not taken; the payload is a `Refusal`.
    case refused = 3
    /// Either way: I leave now; my unfinished work may go to others.
    case goodbye = 4
    /// Either way, every second.
    case beat = 5

    // Durable jobs
    /// Producer → broker: one `JobDraft`.
    case enqueue = 10
    /// Broker → producer: the draft is committed (`Accepted`).
    case accepted = 11
    /// Broker → worker: run this job (id in requestID, attempt in aux, priority in aux2, kind in name, args in payload).
    case job = 12
    /// Worker → broker: the job succeeded; flag `committed` when the worker's own transaction finished it. Payload: output or empty.
    case done = 13
    /// Worker → broker: the job failed (`JobFailure`).
    case failed = 14
    /// Worker → broker: run it again in `aux2` milliseconds; the attempt is given back.
    case snoozed = 15
    /// Broker → worker: the outcome is committed (or was refused: flag `fenced`); the worker may forget it.
    case settled = 16
    /// Broker → worker: stop this running job.
    case cancel = 17
    /// Worker → broker: I am still running this job, given by a broker that is gone.
    case holding = 18
    /// Worker → broker: the job was not started or was interrupted by my stop; offer it again, the attempt is given back.
    case returned = 19

    /// Worker → broker: how far this run is (a JSON document of at most `JobProgress.maxBytes`).
    case progress = 24

    /// Worker → broker, every few seconds: all runs I have from you (`JobRun.list`). What you gave me and is not here was lost on the way.
    case held = 25

    // Ingest and requests
    /// Producer → broker → worker: a batch of rows for a stream (name).
    case ingest = 20
    /// Worker → broker → producer: the batch is committed; payload is the worker's JSON answer.
    case committed = 21
    /// Caller → broker → worker: a question with a deadline.
    case request = 30
    /// Worker → broker → caller: its answer.
    case reply = 31
    /// Worker → broker: from now on my windows are these (`Windows`).
    case credit = 40

    // Topics
    /// Publisher → broker: an event on a topic (name); flag `state` keeps it as the topic's last value.
    case publish = 50
    /// Broker → subscribers: an event; requestID is its sequence number, `aux2` carries the broker's epoch.
    case event = 51
    /// Broker → subscribers, every second: the last sequence number of a stream (name).
    case position = 52
    /// Subscriber → broker: the last values of a stream (name).
    case snapshot = 53
    /// Broker → subscriber: end of a snapshot; requestID echoes the question, aux2 is the epoch, the payload the sequence number as text.
    case snapshotEnd = 54

    // Operators
    /// Operator → broker: counts, peers, gauges as JSON.
    case inspect = 60
}
