import Synchronization

/// What the first caller makes and all others wait for, on whatever loop they are. A failure is everybody's.
final class MadeOnce<Value: Sendable>: Sendable {
    private enum State {
        case none
        case making([UnsafeContinuation<Void, Never>])
        case made(Result<Value, PostgresError>)
    }

    private let state = Mutex(State.none)

    /// What was made; nil while nobody has.
    var value: Value? {
        guard case .made(.success(let value)) = state.withLock({ $0 }) else { return nil }
        return value
    }

    func get(_ make: () async throws(PostgresError) -> Value) async throws(PostgresError) -> Value {
        let isFirst = state.withLock { state in
            guard case .none = state else { return false }
            state = .making([])
            return true
        }
        if isFirst {
            let result: Result<Value, PostgresError>
            do throws(PostgresError) { result = .success(try await make()) } catch { result = .failure(error) }
            let waiters = state.withLock { state -> [UnsafeContinuation<Void, Never>] in
                guard case .making(let waiters) = state else { return [] }
                state = .made(result)
                return waiters
            }
            for waiter in waiters { waiter.resume() }
            return try result.get()
        }
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            let isOver = state.withLock { state in
                guard case .making(let waiters) = state else { return true }
                state = .making(waiters + [waiter])
                return false
            }
            if isOver { waiter.resume() }
        }
        guard case .made(let result) = state.withLock({ $0 }) else { throw PostgresError(.privateServer, "the scratch server is not running") }
        return try result.get()
    }
}
