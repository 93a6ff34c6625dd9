public import Protocol
public import Reactor

/// What a worker does with what brokers send it. Views live for the length of the call.
public protocol WorkDelegate: AnyObject {
    /// A job, an ingest batch or a request came over `link`.
    func work(_ view: MessageView, link: Int, on loop: isolated EventLoop)
    /// All that had come in was handed over by `work`: what was gathered there is started now.
    func workPaused(on loop: isolated EventLoop)
    /// The broker has the outcome of a run, or fenced it.
    func settled(_ view: MessageView, link: Int, on loop: isolated EventLoop)
    /// Stop this job (or call: `aux` is 0).
    func cancelled(_ view: MessageView, link: Int, on loop: isolated EventLoop)
    /// A broker answered `hello`. With `isNew` it has no memory of this worker: what still runs must be reported.
    func linkUp(_ link: Int, isNew: Bool, on loop: isolated EventLoop)
    /// A broker left or fell silent: its runs go on, their outcomes may be reported to another link.
    func linkDown(_ link: Int, on loop: isolated EventLoop)
}

extension WorkDelegate {
    public func workPaused(on loop: isolated EventLoop) {}
}
