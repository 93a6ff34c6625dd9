import Bytes
import Postgres
public import Reactor
import Secrets
public import ZeroMQ

/// What the nodes of a process share.
struct NodeShare: Sendable {
    let hasher: PasswordHasher
    let seal: Seal
    let recaptcha: ReCaptcha?
    let rates: DeviceRates

    func stop() {
        hasher.stop()
        recaptcha?.stop()
    }
}

/// The API of a process: one node per loop, all on the same ports.
public final class APINodes: Sendable {
    /// The ports that `APIConfig.addresses` became, in their order.
    public let ports: [UInt16]
    private let nodes: [LoopBound<APINode>]
    private let share: NodeShare

    private init(_ nodes: [LoopBound<APINode>], ports: [UInt16], _ share: NodeShare) {
        self.nodes = nodes
        self.ports = ports
        self.share = share
    }

    /// Starts a node on each loop and listens. The schema must be migrated; PostgreSQL and brokers may come later, and come and go, except
    /// that the demo's log-in is made before this returns.
    ///
    /// Errors: `APIStartError`, `ListenError`, `ZMQError`, `APIError` when the console's directory cannot be opened, `PostgresError` for a demo.
    public static func start(_ config: APIConfig, context: ZMQContext, on loops: [EventLoop]) async throws -> APINodes {
        if config.isDemo, config.isProduction { throw APIStartError.demoInProduction }
        guard !loops.isEmpty else { throw APIStartError.noLoops }
        guard let seal = Seal(key: config.sealKey) else { throw APIStartError.badSealKey }
        var recaptcha: ReCaptcha?
        if let options = config.accounts.recaptcha { recaptcha = try await ReCaptcha(options) }
        let share = NodeShare(hasher: await PasswordHasher(), seal: seal, recaptcha: recaptcha, rates: DeviceRates())
        var nodes: [LoopBound<APINode>] = []
        do {
            for (number, loop) in loops.enumerated() {
                nodes.append(try await loop.run { loop in LoopBound(try APINode(config, context, share, number: number, on: loop), on: loop) })
            }
            let all = nodes
            if config.isDemo {
                try await loops[0].run { loop in try await AccountStore(all[0].value(on: loop).pool, share.hasher).addDemoAccount() }
            }
            var addresses = config.addresses
            for node in nodes {
                let wanted = addresses
                let ports = try await node.loop.run { loop in
                    let node = node.value(on: loop)
                    node.siblings = all
                    return try node.server.listen(wanted)
                }
                for (i, port) in ports.enumerated() { addresses[i].port = port }
            }
            if !config.isDemo { settleDemo(all[0], share.hasher) }
            return APINodes(nodes, ports: addresses.map(\.port), share)
        } catch {
            await stop(nodes, withinMs: 0)
            share.stop()
            throw error
        }
    }

    /// Stops listening, lets running requests finish for up to `withinMs`, and closes everything. The loops go on.
    public func stop(withinMs: Int64 = 10_000) async {
        await Self.stop(nodes, withinMs: withinMs)
        share.stop()
    }

    private static func stop(_ nodes: [LoopBound<APINode>], withinMs: Int64) async {
        await withTaskGroup { group in
            for node in nodes {
                group.addTask { await node.loop.run { loop in await node.value(on: loop).stop(withinMs: withinMs, on: loop) } }
            }
        }
    }

    /// Between tries to remove the demo's log-in while the database is away, ns.
    private static let settleNs: Int64 = 2_000_000_000

    /// Removes the demo's log-in in the background, as soon as the database answers.
    private static func settleDemo(_ node: LoopBound<APINode>, _ hasher: PasswordHasher) {
        node.loop.execute { loop in
            let pool = node.value(on: loop).pool
            Task.immediate {
                while true {
                    do {
                        return try await AccountStore(pool, hasher).removeDemoAccount()
                    } catch let error as PostgresError where error.isRetryable {
                        await loop.sleep(ns: settleNs)
                    } catch {
                        return Log.error("the demo's log-in cannot be removed", ["error": "\(error)"])
                    }
                }
            }
        }
    }
}
