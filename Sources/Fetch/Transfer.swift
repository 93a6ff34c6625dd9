import Bytes
import CCurl

/// One request on its way: its handle, what has come of the answer, and who waits for it.
final class Transfer {
    let curl: CurlHandle
    private let request: FetchRequest
    private var fields: [(name: String, value: String)] = []
    private(set) var body: [UInt8] = []
    private var isTooLarge = false
    private var result: Result<FetchAnswer, FetchFailure>?
    private var waiter: UnsafeContinuation<Void, Never>?

    init(_ curl: CurlHandle, _ request: FetchRequest) {
        self.curl = curl
        self.request = request
    }

    /// Why a request cannot be made at all.
    static func fault(_ request: FetchRequest) -> FetchFailure? {
        let parts = [request.method, request.url] + request.headers.flatMap { [$0.0, $0.1] }
        guard parts.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }) else { return FetchFailure(.invalid, "a control character in the request") }
        guard request.url.hasPrefix("http://") || request.url.hasPrefix("https://") else { return FetchFailure(.invalid, "the URL is neither http nor https") }
        guard !request.method.isEmpty, request.deadlineMs > 0 else { return FetchFailure(.invalid, "no method or no time") }
        return nil
    }

    func setUp(_ options: FetchOptions, _ share: CurlShare) {
        curl.setUp(request.url, options, share, deadlineMs: request.deadlineMs)
        curl.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        // Better wait for a connection that many can use than open one more. In the clear libcurl would wait for the first answer, to know.
        curl.set(CURLOPT_PIPEWAIT, request.url.hasPrefix("https:") ? 1 : 0)
        curl.set(CURLOPT_MAXFILESIZE_LARGE, large: request.maxBytes)
        curl.set(CURLOPT_MAXAGE_CONN, options.idleSeconds)
        curl.set(CURLOPT_MAXLIFETIME_CONN, options.lifeSeconds)
        curl.set(CURLOPT_FOLLOWLOCATION, request.redirects > 0 ? 1 : 0)
        curl.set(CURLOPT_MAXREDIRS, request.redirects)
        if let body = request.body ?? (request.method == "POST" ? [] : nil) {
            curl.set(CURLOPT_POST, 1)
            curl.setBody(body)
            if request.method != "POST" { curl.set(CURLOPT_CUSTOMREQUEST, request.method) }
        } else if request.method == "HEAD" {
            curl.set(CURLOPT_NOBODY, 1)
        } else {
            curl.set(CURLOPT_HTTPGET, 1)
            if request.method != "GET" { curl.set(CURLOPT_CUSTOMREQUEST, request.method) }
        }
        curl.setFields(request.headers)
        let context = Unmanaged.passUnretained(self).toOpaque()
        curl.set(CURLOPT_HEADERFUNCTION, Self.onHeader)
        curl.set(CURLOPT_HEADERDATA, pointer: context)
        curl.set(CURLOPT_WRITEFUNCTION, Self.onBody)
        curl.set(CURLOPT_WRITEDATA, pointer: context)
    }

    // MARK: The end

    /// Suspends until `finish`.
    func wait() async -> Result<FetchAnswer, FetchFailure> {
        await withUnsafeContinuation { continuation in
            if result == nil { waiter = continuation } else { continuation.resume() }
        }
        return result ?? .failure(FetchFailure(.cancelled, "nobody has ended it"))
    }

    var isDone: Bool { result != nil }

    func finish(_ code: CURLcode) {
        guard code == CURLE_OK else {
            return finish(isTooLarge ? FetchFailure(.tooLarge, "more than \(request.maxBytes) bytes") : curl.failure(code))
        }
        let version = curl.get(CURLINFO_HTTP_VERSION) >= Int(CURL_HTTP_VERSION_2_0) ? 2 : 1
        end(.success(FetchAnswer(status: curl.get(CURLINFO_RESPONSE_CODE), fields: fields, body: body, version: version)))
    }

    func finish(_ failure: FetchFailure) { end(.failure(failure)) }

    private func end(_ result: Result<FetchAnswer, FetchFailure>) {
        guard self.result == nil else { return }
        self.result = result
        waiter?.resume()
        waiter = nil
    }

    // MARK: What comes

    private func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard body.count + bytes.count <= request.maxBytes else {
            isTooLarge = true
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    /// A line of the head; a status line begins another head: of the final answer after `100 Continue` or a redirect.
    private func hear(_ line: UnsafeRawBufferPointer) {
        if line.starts(with: "HTTP/".utf8) {
            fields.removeAll()
            body.removeAll(keepingCapacity: true)
            return
        }
        guard !request.wantedFields.isEmpty, let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
        let name = String(decoding: line[..<colon].map(ASCII.lower), as: UTF8.self)
        guard request.wantedFields.contains(name) else { return }
        let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }.prefix { $0 != 0x0D && $0 != 0x0A }
        fields.append((name, String(decoding: value, as: UTF8.self)))
    }

    private static func taken(_ context: UnsafeMutableRawPointer) -> Transfer { Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue() }

    /// Taking less than there is makes libcurl stop.
    private static let onBody: hg_curl_callback = { data, size, count, context in
        guard let data, let context else { return 0 }
        return taken(context).take(UnsafeRawBufferPointer(start: data, count: size * count)) ? size * count : 0
    }

    private static let onHeader: hg_curl_callback = { data, size, count, context in
        guard let data, let context else { return 0 }
        taken(context).hear(UnsafeRawBufferPointer(start: data, count: size * count))
        return size * count
    }
}
