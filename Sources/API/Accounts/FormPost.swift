import CCurl

/// One POST of a form by libcurl, over http or https. Waits on the calling thread.
enum FormPost {
    struct Failure: Error {
        var reason: String
    }

    /// Bytes of an answer; a longer one is cut off, and fails.
    static let maxAnswer = 64 * 1024

    /// The body of a 200.
    static func send(_ form: String, to url: String, timeoutMs: Int64) -> Result<[UInt8], Failure> {
        guard let handle = curl_easy_init() else { return .failure(Failure(reason: "libcurl cannot start")) }
        defer { curl_easy_cleanup(handle) }
        let answer = Answer()
        var headers = curl_slist_append(nil, "Content-Type: application/x-www-form-urlencoded")
        defer { curl_slist_free_all(headers) }
        // No `Expect: 100-continue`, which costs a round trip or a second of waiting.
        headers = curl_slist_append(headers, "Expect:")
        let settings = [
            hg_curl_set_text(handle, CURLOPT_URL, url),
            hg_curl_set_text(handle, CURLOPT_PROTOCOLS_STR, "http,https"),
            hg_curl_set_long(handle, CURLOPT_POST, 1),
            hg_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, form.utf8.count),
            hg_curl_set_text(handle, CURLOPT_COPYPOSTFIELDS, form),
            hg_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers),
            hg_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(timeoutMs)),
            hg_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(timeoutMs)),
            // Signals belong to the process, not to this thread.
            hg_curl_set_long(handle, CURLOPT_NOSIGNAL, 1),
            hg_curl_set_callback(handle, CURLOPT_WRITEFUNCTION, collect),
            hg_curl_set_pointer(handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(answer).toOpaque()),
        ]
        if let wrong = settings.first(where: { $0 != CURLE_OK }) { return .failure(failure(wrong)) }
        let done = withExtendedLifetime(answer) { curl_easy_perform(handle) }
        guard done == CURLE_OK else { return .failure(failure(done)) }
        var status = 0
        guard hg_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK, status == 200 else {
            return .failure(Failure(reason: "it answered \(status)"))
        }
        return .success(answer.bytes)
    }

    private final class Answer {
        var bytes: [UInt8] = []
    }

    /// Taking less than there is makes libcurl stop.
    private static let collect: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = { data, size, count, context in
        guard let data, let context else { return 0 }
        let answer = Unmanaged<Answer>.fromOpaque(context).takeUnretainedValue()
        guard answer.bytes.count + size * count <= maxAnswer else { return 0 }
        answer.bytes += UnsafeRawBufferPointer(start: data, count: size * count)
        return size * count
    }

    private static func failure(_ code: CURLcode) -> Failure { Failure(reason: String(cString: curl_easy_strerror(code))) }
}
