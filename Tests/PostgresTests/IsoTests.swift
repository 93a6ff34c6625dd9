import Postgres
import Reactor
import Testing

func g<T>(_ body: () async throws -> T) async rethrows -> T { try await body() }
func v(_ body: () async throws -> Void) async rethrows { try await body() }
func gn<T>(_ body: nonisolated(nonsending) () async throws -> T) async rethrows -> T { try await body() }
func a1<T>(_ body: (Int) async throws -> T) async rethrows -> T { try await body(1) }
final class Holder {
    func g<T>(_ body: (Holder) async throws -> T) async rethrows -> T { try await body(self) }
}
final class Ch { var n = 0 }

func method(_ loop: isolated EventLoop) async {
    let h = Holder(), c = Ch()
    let l: EventLoop = loop
    await g { print("m g", l.isCurrent) }
    await v { print("m v", l.isCurrent) }
    await h.g { _ in print("m h", l.isCurrent); c.n += 1 }
    await h.g { _ in await h.g { _ in print("m h h", l.isCurrent); c.n += 1 } }
    await h.g { _ in await g { print("m h g", l.isCurrent); c.n += 1; return 1 } }
    await h.g { _ in c.n += 1; await nextTick(on: loop); print("m h tick", l.isCurrent) }
}
final class Owner {
    var n = 0
    let h = Holder()
    func work(on loop: isolated EventLoop) async {
        let l: EventLoop = loop
        await h.g { _ in self.n += 1; print("o h", l.isCurrent); await self.h.g { _ in self.n += 1; print("o h h", l.isCurrent) } }
    }
    func plain(_ l: EventLoop) async {
        await h.g { _ in self.n += 1; print("p h", l.isCurrent); await self.h.g { _ in self.n += 1; print("p h h", l.isCurrent); await g { print("p h h g", l.isCurrent)} } }
    }
}

@Suite struct IsoTests {
    @Test func iso() async throws {
        let loop = EventLoop(name: "x")
        await loop.run { loop in
            let l: EventLoop = loop
            let h = Holder(), c = Ch()
            await g { print("c g", l.isCurrent) }
            await g { print("c g loop", loop.isCurrent) }
            await gn { print("c gn", l.isCurrent) }
            await v { print("c v", l.isCurrent) }
            _ = await g { print("c g Int", l.isCurrent); return 1 }
            _ = await a1 { _ in print("c a1", l.isCurrent); return 1 }
            _ = await a1 { (x: Int) async in print("c a1 explicit", l.isCurrent); return x }
            await h.g { _ in c.n += 1; print("c h", l.isCurrent) }
            await h.g { _ in await h.g { _ in print("c h h", l.isCurrent); c.n += 1 } }
            await v { await v { print("c v v", l.isCurrent) } }
            await method(loop)
            let o = Owner()
            await o.work(on: loop)
            await o.plain(loop)
            await g { await o.plain(l) }
            loop.spawn { print("s", l.isCurrent); await o.plain(l) }
            loop.spawn { print("s2", l.isCurrent); await g { print("s2 g", l.isCurrent) }; await h.g { _ in  print("s2 h", l.isCurrent) } }
            await nextTick(on: loop)
            await nextTick(on: loop)
        }
    }
}
