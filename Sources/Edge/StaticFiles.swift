import Bytes
import CLinux
import HTTP

/// Files below one directory (RFC 9110 §13 and §14 for conditions and ranges). Paths cannot leave it: each segment is opened in the one
/// before without following links, and segments that start with a dot do not exist.
public final class StaticFiles {
    /// Files up to this size are gzipped for clients that take it; larger ones are sent as they are, by the kernel.
    static let gzipLimit = 1024 * 1024
    /// Bytes of gzipped files kept.
    static let cacheLimit = 8 * 1024 * 1024

    private let root: Int32
    private let cacheControl: String
    private let gzip = Gzip()
    private var cache: [String: [UInt8]] = [:]
    private var cachedBytes = 0

    /// Throws 500 when the directory cannot be opened. `cacheControl` goes with every file; the default lets clients keep them but ask each time.
    public init(root: String, cacheControl: String = "no-cache") throws(APIError) {
        self.root = hg_openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        self.cacheControl = cacheControl
        if self.root < 0 { throw APIError(500, .internal, "cannot open the directory \(root)") }
    }

    deinit { if root >= 0 { close(root) } }

    /// Answers GET and HEAD for a decoded path relative to the root; 404 for everything that is no plain file.
    public func reply(_ request: Request, path: String) throws(APIError) -> Reply {
        var path = path
        var opened = descend(path)
        if let found = opened, hg_s_isdir(found.info.st_mode) != 0 {
            // Relative links in an index only work below a path that ends in a slash.
            if !path.isEmpty, !path.hasSuffix("/") {
                return .redirect((request.path.split(separator: "/").last.map(String.init) ?? "") + "/", status: 308)
            }
            path += "index.html"
            opened = descend(path)
        }
        guard let (file, info) = opened, hg_s_isreg(info.st_mode) != 0 else { throw .noRoute }
        return serve(request, path, file, info)
    }

    private func serve(_ request: Request, _ path: String, _ file: OpenFile, _ info: stat) -> Reply {
        let length = Int(info.st_size)
        let modified = Timestamp(seconds: Int64(info.st_mtim.tv_sec))
        let type = MIMEType.of(path)
        let range = request.header("range")
        let compressible = Gzip.isCompressible(type) && length >= 1024 && length <= Self.gzipLimit
        let zipped = compressible && range == nil && gzip != nil && AcceptEncoding(request.head.list("accept-encoding")).prefersGzip
        let version = "\(String(info.st_mtim.tv_sec, radix: 16)).\(String(info.st_mtim.tv_nsec, radix: 16))-\(String(length, radix: 16))"
        let tag = EntityTag(zipped ? version + "-gz" : version)

        var reply = Reply(contentType: type, .bytes([]))
        reply.headers = [
            ("ETag", tag.description), ("Last-Modified", HTTPDate.string(modified)), ("Cache-Control", cacheControl), ("X-Content-Type-Options", "nosniff"),
            ("Accept-Ranges", "bytes"),
        ]
        if compressible { reply.headers.append(("Vary", "Accept-Encoding")) }
        if isUnchanged(request, tag, modified) {
            reply.status = 304
            reply.contentType = nil
            return reply
        }
        if zipped, let body = gzipped("\(path) \(version)", file, length) {
            reply.headers.append(("Content-Encoding", "gzip"))
            reply.body = .bytes(body)
            return reply
        }
        let allowed = mayUseRange(request, tag, modified)
        switch ByteRange(allowed ? range : nil, length: length) {
        case .whole: reply.body = .file(file, 0..<length)
        case .part(let part):
            reply.status = 206
            reply.headers.append(("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(length)"))
            reply.body = .file(file, part)
        case .unsatisfiable:
            reply.status = 416
            reply.contentType = nil
            reply.headers.append(("Content-Range", "bytes */\(length)"))
        }
        return reply
    }

    /// `If-None-Match` decides alone when it is there (RFC 9110 §13.2.2).
    private func isUnchanged(_ request: Request, _ tag: EntityTag, _ modified: Timestamp) -> Bool {
        if let list = request.head.list("if-none-match") { return tag.isNamed(in: list) }
        guard let since = request.header("if-modified-since").flatMap(HTTPDate.parse) else { return false }
        return modified <= since
    }

    private func mayUseRange(_ request: Request, _ tag: EntityTag, _ modified: Timestamp) -> Bool {
        guard let condition = request.header("if-range") else { return true }
        return tag.isStrongly(condition) || HTTPDate.parse(condition) == modified
    }

    private func gzipped(_ key: String, _ file: OpenFile, _ length: Int) -> [UInt8]? {
        if let known = cache[key] { return known }
        guard let gzip, let plain = file.read(length), plain.count == length else { return nil }
        let body = gzip.whole(plain)
        if cachedBytes + body.count > Self.cacheLimit {
            cache.removeAll()
            cachedBytes = 0
        }
        cache[key] = body
        cachedBytes += body.count
        return body
    }

    private func descend(_ path: String) -> (file: OpenFile, info: stat)? {
        var segments = path.split(separator: "/", omittingEmptySubsequences: false)
        if segments.last == "" { segments.removeLast() }
        if segments.count > 32 { return nil }
        var directory: OpenFile?
        for (i, segment) in segments.enumerated() {
            if segment.isEmpty || segment.hasPrefix(".") { return nil }
            let isLast = i == segments.count - 1
            let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (isLast ? 0 : O_DIRECTORY)
            let fd = hg_openat(directory?.fd ?? root, String(segment), flags)
            if fd < 0 { return nil }
            directory = OpenFile(fd: fd)
        }
        let file = directory ?? OpenFile(fd: hg_dup_cloexec(root))
        var info = stat()
        guard fstat(file.fd, &info) == 0 else { return nil }
        // A file is not a directory: `index.html/` is no path.
        if path.hasSuffix("/"), hg_s_isdir(info.st_mode) == 0 { return nil }
        return (file, info)
    }
}
