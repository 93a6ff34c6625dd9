import CLinux
import HTTP
import Reactor
import Testing

@testable import Edge

@Suite struct StaticFilesTests {
    /// A directory with a few files, removed when it goes.
    final class Folder {
        let path: String
        init() {
            var template = Array("/tmp/heliograph-files-XXXXXX\0".utf8CString)
            path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
            mkdir(path + "/public", 0o755)
            mkdir(path + "/public/sub", 0o755)
            write("secret.txt", "secret")
            write("public/index.html", "<p>home</p>")
            write("public/.hidden", "hidden")
            write("public/data.bin", "0123456789")
            write("public/a b.txt", "space")
            write("public/big.js", String(repeating: "console.log(1);\n", count: 1000))
            write("public/sub/index.html", "<p>sub</p>")
            symlink("../secret.txt", path + "/public/link.txt")
            symlink("..", path + "/public/up")
        }
        func write(_ name: String, _ text: String) {
            let fd = creat(path + "/" + name, 0o644)
            _ = text.withCString { CLinux.write(fd, $0, strlen($0)) }
            close(fd)
        }
        deinit {
            for name in [
                "public/sub/index.html", "public/sub", "public/index.html", "public/.hidden", "public/data.bin", "public/a b.txt", "public/big.js",
                "public/link.txt",
                "public/up", "public", "secret.txt", "",
            ] { if unlink(path + "/" + name) != 0 { rmdir(path + "/" + name) } }
        }
    }

    @Test func filesAreServedWithTheirTypesAndValidators() async throws {
        try await onLoop { loop in
            let folder = Folder()
            let world = try World(on: loop, files: try StaticFiles(root: folder.path + "/public"))
            let client = world.client(on: loop)
            let home = try await client.get("/files/")
            #expect(home.text == "<p>home</p>")
            #expect(home["content-type"] == "text/html; charset=utf-8")
            let tag = try #require(home["etag"])
            #expect(try await client.get("/files/", "If-None-Match: \(tag)\r\n").status == 304)
            #expect(try await client.get("/files/", "If-None-Match: \"x\"\r\n").status == 200)
            let modified = try #require(home["last-modified"])
            #expect(try await client.get("/files/", "If-Modified-Since: \(modified)\r\n").status == 304)
            #expect(try await client.get("/files/", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status == 200)
            #expect(try await client.get("/files/a%20b.txt").text == "space")
            #expect(try await client.get("/files/sub/").text == "<p>sub</p>")
            let moved = try await client.get("/files/sub")
            #expect(moved.status == 308)
            #expect(moved["location"] == "sub/")
            #expect(try await client.get("/files/data.bin", method: "HEAD")["content-length"] == "10")
            #expect(try await client.get("/files/data.bin").text == "0123456789")
            await world.stop()
        }
    }

    @Test func partsAreServedAndImpossibleOnesRefused() async throws {
        try await onLoop { loop in
            let folder = Folder()
            let world = try World(on: loop, files: try StaticFiles(root: folder.path + "/public"))
            let client = world.client(on: loop)
            let part = try await client.get("/files/data.bin", "Range: bytes=2-4\r\n")
            #expect(part.status == 206)
            #expect(part.text == "234")
            #expect(part["content-range"] == "bytes 2-4/10")
            #expect(try await client.get("/files/data.bin", "Range: bytes=-3\r\n").text == "789")
            let past = try await client.get("/files/data.bin", "Range: bytes=10-\r\n")
            #expect(past.status == 416)
            #expect(past["content-range"] == "bytes */10")
            let tag = try #require(part["etag"])
            #expect(try await client.get("/files/data.bin", "Range: bytes=0-0\r\nIf-Range: \(tag)\r\n").status == 206)
            #expect(try await client.get("/files/data.bin", "Range: bytes=0-0\r\nIf-Range: \"old\"\r\n").text == "0123456789")
            await world.stop()
        }
    }

    @Test func scriptsAreGzippedUnderTheirOwnTag() async throws {
        try await onLoop { loop in
            let folder = Folder()
            let world = try World(on: loop, files: try StaticFiles(root: folder.path + "/public"))
            let client = world.client(on: loop)
            let plain = try await client.get("/files/big.js")
            let zipped = try await client.get("/files/big.js", "Accept-Encoding: gzip\r\n")
            #expect(plain.body.count == 16_000)
            #expect(zipped["content-encoding"] == "gzip")
            #expect(zipped.body.count < 1000)
            #expect(plain["etag"] != zipped["etag"])
            #expect(plain["vary"] == "Accept-Encoding")
            await world.stop()
        }
    }

    @Test(arguments: [
        "../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "sub/../../secret.txt", "sub/%2e%2e/%2e%2e/secret.txt", "up/secret.txt", "link.txt", ".hidden",
        "/etc/passwd",
        "%2fetc%2fpasswd", "sub//index.html", "index.html/", "none", "..", "%2e", "sub/.", "..%5csecret.txt",
    ]) func noPathLeavesTheRoot(_ path: String) async throws {
        try await onLoop { loop in
            let folder = Folder()
            let world = try World(on: loop, files: try StaticFiles(root: folder.path + "/public"))
            let response = try await world.client(on: loop).get("/files/" + path)
            #expect(response.status == 404, "\(path)")
            #expect(!response.text.contains("secret\n"))
            await world.stop()
        }
    }
}
