import Reactor
enum IngestBench {
    static func run(_ bench: Bench, on loop: isolated EventLoop) async throws {}
}
enum HTTPBench {
    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {}
}
enum FanoutBench {
    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {}
}
