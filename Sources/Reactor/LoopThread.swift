internal import CLinux

/// The thread behind a loop. Its entry point is a plain function: a closure formed elsewhere could carry an isolation that traps here.
struct LoopThread {
    let loop: EventLoop
    let executor: LoopExecutor
    let name: String

    private final class Start {
        let loop: EventLoop
        let executor: LoopExecutor
        let name: String
        init(_ loop: EventLoop, _ executor: LoopExecutor, _ name: String) {
            self.loop = loop
            self.executor = executor
            self.name = name
        }
    }

    func start() {
        let context = Unmanaged.passRetained(Start(loop, executor, name)).toOpaque()
        var thread = pthread_t()
        let failed = pthread_create(&thread, nil, Self.main, context)
        precondition(failed == 0, "pthread_create failed")
        pthread_detach(thread)
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        _ = start.name.prefix(15).withCString { pthread_setname_np(pthread_self(), $0) }
        start.executor.adoptCurrentThread()
        start.loop.assumeIsolated { $0.runUntilStopped() }
        return nil
    }
}
