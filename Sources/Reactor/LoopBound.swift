/// Carries something that belongs to a loop between threads; only code on that loop can take it out.
///
/// `@unchecked Sendable` is sound because the value is reached with the loop's isolation alone. The last reference may
/// be dropped anywhere, so a value's `deinit` must not need its loop.
public struct LoopBound<Value>: @unchecked Sendable {
    public let loop: EventLoop
    private let value: Value

    public init(_ value: Value, on loop: isolated EventLoop) {
        self.loop = loop
        self.value = value
    }

    /// The value; `loop` must be the one it was made on.
    public func value(on loop: isolated EventLoop) -> Value {
        precondition(loop === self.loop, "taken out on another loop")
        return value
    }
}
