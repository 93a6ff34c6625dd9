import CLinux
import Reactor
import Testing

@testable import Simulation

@Suite struct HTTPClientTests {
    /// Answers that must be read, with what they say, fed whole and byte by byte.
    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
        ("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0\r\nT: 1\r\n\r\n", 200, "abc", true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 413, "", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false),
    ])
    func answersAreReadHoweverTheyArrive(_ text: String, _ status: Int, _ body: String, _ keepAlive: Bool) throws {
        for step in [1, text.utf8.count] {
            var answer = HTTPAnswer(isHead: false, bodyLimit: 100)
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: step) {
                try Array(bytes[start..<min(start + step, bytes.count)]).withUnsafeBufferPointer { try answer.feed($0) }
            }
            #expect(answer.isDone)
            #expect(answer.status == status)
            #expect(String(decoding: answer.body, as: UTF8.self) == body)
            #expect(answer.keepAlive == keepAlive)
        }
    }

    @Test(arguments: [
        "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore", "HTTP/1.1 101 Up\r\n\r\n",
    ])
    func ambiguousAnswersAreFaults(_ text: String) {
        #expect(throws: HTTPAnswer.Fault.self) {
            var answer = HTTPAnswer(isHead: false, bodyLimit: 100)
            try Array(text.utf8).withUnsafeBufferPointer { try answer.feed($0) }
        }
    }

    @Test func anAnswerWithoutLengthEndsWithTheConnection() throws {
        var answer = HTTPAnswer(isHead: false, bodyLimit: 100)
        try Array("HTTP/1.1 200 OK\r\n\r\nabc".utf8).withUnsafeBufferPointer { try answer.feed($0) }
        #expect(!answer.isDone)
        let isWhole = answer.end()
        #expect(isWhole)
        #expect(answer.body == Array("abc".utf8))
    }

    @Test(arguments: [
        ("http://127.0.0.1:8000", "127.0.0.1:8000"), ("http://localhost/", "localhost:80"), ("http://[::1]:4000", "[::1]:4000"),
        ("unix:/run/x.sock", "localhost"),
    ])
    func addressesAreRead(_ url: String, _ host: String) { #expect(HTTPAddress(url)?.description == host) }

    @Test(arguments: ["https://127.0.0.1", "http://example.org", "http://127.0.0.1:99999", "unix:", "127.0.0.1:80"])
    func otherAddressesAreRefused(_ url: String) { #expect(HTTPAddress(url) == nil) }

    /// A server that answers from a script: one entry per connection, one answer per request, then it closes.
    private final class Server {
        var requests: [String] = []
        var connections = 0
        private var script: [[String]]
        private let fd: Int32
        let port: UInt16

        init(_ script: [[String]], on loop: isolated EventLoop) {
            self.script = script
            fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            port = Self.bindToLoopback(fd)
            listen(fd, 16)
            _ = loop.watch(fd, .read) { [weak self] _ in self?.accept(on: loop) }
        }

        deinit { close(fd) }

        private static func bindToLoopback(_ fd: Int32) -> UInt16 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                    _ = bind(fd, raw, size)
                    _ = getsockname(fd, raw, &size)
                }
            }
            return UInt16(bigEndian: address.sin_port)
        }

        private func accept(on loop: isolated EventLoop) {
            let client = accept4(fd, nil, nil, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
            guard client >= 0 else { return }
            connections += 1
            var answers = script.isEmpty ? [] : script.removeFirst()
            var watch: EventLoop.Watch?
            let end = {
                if let watch { loop.unwatch(watch) }
                close(client)
            }
            watch = loop.watch(client, .read) { _ in
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count = recv(client, &buffer, buffer.count, 0)
                guard count > 0 else { return end() }
                self.requests.append(String(decoding: buffer[..<count], as: UTF8.self))
                if !answers.isEmpty {
                    let answer = Array(answers.removeFirst().utf8)
                    _ = CLinux.send(client, answer, answer.count, Int32(MSG_NOSIGNAL))
                }
                if answers.isEmpty { end() }
            }
        }
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test func oneConnectionCarriesManyRequestsAndAClosedOneIsReplaced() async throws {
        let loop = EventLoop(name: "http-client")
        try await loop.run { loop in
            let server = Server([[Self.ok, Self.ok], [Self.ok]], on: loop)
            let client = HTTPClient(try #require(HTTPAddress(host: "127.0.0.1", port: server.port)), on: loop)
            for n in 0..<3 {
                let answer = try await client.post("/p?n=\(n)", headers: [("X-N", "\(n)")], body: Array("{}".utf8))
                #expect(answer.status == 200)
                #expect(answer.body == Array("ok".utf8))
            }
            #expect(server.connections == 2)
            #expect(server.requests[1] == "POST /p?n=1 HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nX-N: 1\r\nContent-Length: 2\r\n\r\n{}")
            client.close()
        }
        loop.stop()
    }

    @Test func aConnectionLostAfterTheRequestWasSentIsAnError() async throws {
        let loop = EventLoop(name: "http-client")
        await loop.run { loop in
            let server = Server([[""], []], on: loop)
            guard let address = HTTPAddress(host: "127.0.0.1", port: server.port) else { return }
            let client = HTTPClient(address, on: loop)
            do throws(HTTPClientError) {
                _ = try await client.get("/")
                Issue.record("answered")
            } catch {
                #expect(error.kind == .closed)
            }
            #expect(server.connections == 1)
        }
        loop.stop()
    }

    @Test func aSilentServerMeetsTheDeadlineAndAnAbsentOneIsAConnectError() async throws {
        let loop = EventLoop(name: "http-client")
        await loop.run { loop in
            var port: UInt16 = 0
            do {
                // Two entries, so that the connection stays open without an answer.
                let server = Server([["", Self.ok]], on: loop)
                port = server.port
                guard let address = HTTPAddress(host: "127.0.0.1", port: port) else { return }
                let client = HTTPClient(address, deadlineMs: 50, on: loop)
                await Self.expect(.deadline, client)
                client.close()
                await Self.expect(.stopped, client)
            }
            // Port 1 of the loopback: nobody listens there.
            guard let nobody = HTTPAddress(host: "127.0.0.1", port: 1) else { return }
            await Self.expect(.connect, HTTPClient(nobody, on: loop))
        }
        loop.stop()
    }

    private static func expect(_ kind: HTTPClientError.Kind, _ client: HTTPClient) async {
        do throws(HTTPClientError) {
            _ = try await client.get("/")
            Issue.record("answered")
        } catch {
            #expect(error.kind == kind)
        }
    }
}
