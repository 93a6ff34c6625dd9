import Bytes
import CZlib
import HTTP
import Reactor
import Testing

@testable import Edge

@Suite struct ExchangeTests {
    @Test func pipelinedRequestsAreAnsweredInOrderWhateverTheirKind() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            var text = ""
            for i in 0..<60 {
                text +=
                    i % 3 == 0
                    ? "GET /later/\(i) HTTP/1.1\r\nHost: a\r\n\r\n"
                    : i % 3 == 1
                        ? "GET /hello?\(i) HTTP/1.1\r\nHost: a\r\n\r\n"
                        : "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(String(i).utf8.count)\r\n\r\n\(i)"
            }
            try await client.send(text)
            for i in 0..<60 {
                let response = try await client.response()
                #expect(response.status == 200)
                #expect(response.text == (i % 3 == 1 ? "hello \(i)" : "\(i)"))
            }
            await world.stop()
        }
    }

    @Test func aRequestMayComeByteByByte() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            for byte in Array("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n".utf8) {
                try await client.send([byte])
                await client.pause(ms: 0)
            }
            #expect(try await client.response().text == "abc")
            await world.stop()
        }
    }

    @Test func largeBodiesGoBothWays() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            try await client.send(Array("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body)
            #expect(try await client.response().body == body)
            await world.stop()
        }
    }

    @Test func continueIsSaidOnlyWhereTheBodyIsWanted() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            try await client.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            #expect(try await client.response().status == 100)
            try await client.send("ok")
            #expect(try await client.response().text == "ok")
            try await client.send("POST /nowhere HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            #expect(try await client.response().status == 404)
            #expect(try await client.rest().isEmpty)
            await world.stop()
        }
    }

    @Test func headAnswersLikeGetWithoutTheBody() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            let response = try await client.get("/big", method: "HEAD")
            #expect(response["content-length"] == "100000")
            #expect(try await client.get("/hello?x").text == "hello x")
            #expect(try await client.get("/stream/3", method: "HEAD")["transfer-encoding"] == "chunked")
            #expect(try await client.get("/hello?y").text == "hello y")
            await world.stop()
        }
    }

    @Test func oldVersionsCloseUnlessAsked() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let once = world.client(on: loop)
            try await once.send("GET /hello HTTP/1.0\r\n\r\n")
            #expect(try await once.response()["connection"] == "close")
            #expect(try await once.rest().isEmpty)
            let kept = world.client(on: loop)
            try await kept.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(try await kept.response()["connection"] == "keep-alive")
            try await kept.send("GET /stream/3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let streamed = try await kept.response()
            #expect(streamed["transfer-encoding"] == nil)
            #expect(streamed.text == "line 0\nline 1\nline 2\n")
            let asked = world.client(on: loop)
            #expect(try await asked.get("/hello", "Connection: close\r\n")["connection"] == "close")
            #expect(try await asked.rest().isEmpty)
            await world.stop()
        }
    }

    @Test func unknownPathsAndMethodsAnswerInTheDialectOfTheirPrefix() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            let api = try await client.get("/api/none")
            #expect(api.status == 404)
            #expect(try JSONValue.parse(api.body)["error"] == "接口不存在")
            #expect(try JSONValue.parse(api.body)["success"] == false)
            #expect(try await client.get("/apix").text.contains("\"no_route\""))
            let method = try await client.get("/api/needs", method: "DELETE")
            #expect(method.status == 405)
            #expect(method["allow"] == "GET, HEAD, OPTIONS")
            let missing = try await client.get("/api/needs")
            #expect(missing.status == 400)
            #expect(try JSONValue.parse(missing.body)["error"] == "缺少必需参数: meter_id")
            let good = try JSONValue.parse(try await client.get("/api/needs?meter_id=M%201").body)
            #expect(good["success"] == true)
            #expect(good["meter_id"] == "M 1")
            #expect(good["timestamp"]?.string?.utf8.count == 26)
            #expect(try JSONValue.parse(try await client.get("/api/database").body)["error"] == "数据库连接失败")
            #expect(try await client.get("/api/needs?meter_id=%FF").status == 400)
            await world.stop()
        }
    }

    @Test func pathsMatchExactlyAndParametersAreDecoded() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            #expect(try await client.get("/api/meters/a%2Fb%20c/x").text == "a/b c")
            #expect(try await client.get("/api/meters/fixed/x").text == "fixed")
            #expect(try await client.get("/api/meters/f%69xed/x").text == "fixed")
            #expect(try await client.get("/api/meters/%E4%B8%AD/x").text == "中")
            #expect(try await client.get("/api/meters/%FF/x").status == 400)
            #expect(try await client.get("/api/meters//x").status == 404)
            #expect(try await client.get("/hello/").status == 404)
            #expect(try await client.get("//hello").status == 404)
            #expect(try await client.get("http://other/hello?a").text == "hello a")
            await world.stop()
        }
    }

    @Test func preflightsAreAnsweredForKnownPaths() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            let flight = try await client.get(
                "/echo", "Origin: https://x\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n", method: "OPTIONS")
            #expect(flight.status == 204)
            #expect(flight["access-control-allow-origin"] == "*")
            #expect(flight["access-control-allow-methods"] == "OPTIONS, POST")
            #expect(flight["access-control-allow-headers"] == "authorization")
            #expect(try await client.get("/hello", "Origin: https://x\r\n")["access-control-allow-origin"] == "*")
            #expect(try await client.get("/hello")["access-control-allow-origin"] == nil)
            #expect(try await client.get("*", method: "OPTIONS").status == 204)
            let strict = try World(on: loop) { $0.cors.origins = ["https://a"] }
            let other = strict.client(on: loop)
            #expect(try await other.get("/hello", "Origin: https://a\r\n")["access-control-allow-origin"] == "https://a")
            let refused = try await other.get("/hello", "Origin: https://b\r\n")
            #expect(refused["access-control-allow-origin"] == nil)
            #expect(refused["vary"] == "Origin")
            await strict.stop()
            await world.stop()
        }
    }

    @Test func largeTextIsGzippedForThoseWhoTakeIt() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            let plain = try await client.get("/big")
            #expect(plain["content-encoding"] == nil)
            #expect(plain["vary"] == "Accept-Encoding")
            let zipped = try await client.get("/big", "Accept-Encoding: gzip, br\r\n")
            #expect(zipped["content-encoding"] == "gzip")
            #expect(zipped["vary"] == "Accept-Encoding")
            #expect(zipped.body.count < 2000)
            #expect(gunzip(zipped.body) == plain.body)
            #expect(gunzip(try await client.get("/big", "Accept-Encoding: gzip\r\n").body) == plain.body, "the loop's stream is reusable")
            #expect(try await client.get("/big", "Accept-Encoding: gzip;q=0\r\n")["content-encoding"] == nil)
            #expect(try await client.get("/hello", "Accept-Encoding: gzip\r\n")["content-encoding"] == nil)
            let stream = try await client.get("/stream/5000", "Accept-Encoding: gzip\r\n")
            #expect(stream["content-encoding"] == "gzip")
            #expect(gunzip(stream.body) == (0..<5000).flatMap { Array("line \($0)\n".utf8) })
            await world.stop()
        }
    }

    @Test func requestIDsAreEchoedOrMade() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            #expect(try await client.get("/hello", "X-Request-Id: abc-1\r\n")["x-request-id"] == "abc-1")
            let made = try await client.get("/hello", "X-Request-Id: <script>\r\n")["x-request-id"]
            #expect(made?.utf8.count == 16)
            #expect(try await client.get("/hello")["x-request-id"] != made)
            await world.stop()
        }
    }

    private func gunzip(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        var input = bytes
        var out = [UInt8](repeating: 0, count: 1 << 20)
        let code = input.withUnsafeMutableBufferPointer { input in
            out.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                return inflate(&stream, Z_FINISH)
            }
        }
        return code == Z_STREAM_END && stream.avail_in == 0 ? Array(out[0..<Int(stream.total_out)]) : nil
    }
}
