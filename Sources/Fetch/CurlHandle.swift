import CCurl

/// libcurl's handle for one transfer after the other; keeps the first option that libcurl has refused.
final class CurlHandle {
    let handle: UnsafeMutableRawPointer
    private(set) var fault = CURLE_OK
    /// libcurl reads the list while the transfer runs.
    private var fields: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>

    init?() {
        guard curlGlobal == CURLE_OK, let made = curl_easy_init() else { return nil }
        handle = made
        errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText[0] = 0
    }

    /// It must have been taken out of its multi handle before.
    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(fields)
        errorText.deallocate()
    }

    /// Forgets every option.
    func reset() {
        curl_easy_reset(handle)
        curl_slist_free_all(fields)
        fields = nil
        fault = CURLE_OK
    }

    /// What every transfer has in common.
    func setUp(_ url: String, _ options: FetchOptions, _ share: CurlShare, deadlineMs: Int) {
        errorText[0] = 0
        set(CURLOPT_ERRORBUFFER, pointer: errorText)
        set(CURLOPT_SHARE, pointer: share.handle)
        set(CURLOPT_URL, url)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        // No way round: neither a proxy of the environment nor a signal, and nobody waits for a name's look-up that was given up.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_USERAGENT, options.userAgent)
        set(CURLOPT_TIMEOUT_MS, deadlineMs)
        set(CURLOPT_CONNECTTIMEOUT_MS, min(deadlineMs, options.connectMs))
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if !options.caFile.isEmpty {
            set(CURLOPT_CAINFO, options.caFile)
            check(hg_curl_set_text(handle, CURLOPT_CAPATH, nil))
        }
        set(CURLOPT_TCP_KEEPALIVE, 1)
        check(hg_curl_set_opened(handle))
    }

    func set(_ option: CURLoption, _ value: Int) { check(hg_curl_set_long(handle, option, value)) }
    func set(_ option: CURLoption, _ value: String) { check(hg_curl_set_text(handle, option, value)) }
    func set(_ option: CURLoption, large value: Int) { check(hg_curl_set_offset(handle, option, curl_off_t(value))) }
    func set(_ option: CURLoption, pointer: UnsafeMutableRawPointer) { check(hg_curl_set_pointer(handle, option, pointer)) }
    func set(_ option: CURLoption, _ callback: hg_curl_callback) { check(hg_curl_set_callback(handle, option, callback)) }

    func setFields(_ list: [(String, String)]) {
        // No `Expect: 100-continue`, which costs a round trip or a second of waiting.
        fields = curl_slist_append(nil, "Expect:")
        // libcurl's way to write a field without a value.
        for (name, value) in list { fields = curl_slist_append(fields, value.isEmpty ? "\(name);" : "\(name): \(value)") ?? fields }
        check(hg_curl_set_list(handle, CURLOPT_HTTPHEADER, fields))
    }

    /// libcurl keeps a copy.
    func setBody(_ body: [UInt8]) {
        set(CURLOPT_POSTFIELDSIZE_LARGE, large: body.count)
        var bytes = body
        // An empty body needs an address too.
        if bytes.isEmpty { bytes.append(0) }
        bytes.withUnsafeMutableBytes { check(hg_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)) }
    }

    func get(_ info: CURLINFO) -> Int {
        var value = 0
        return hg_curl_get_long(handle, info, &value) == CURLE_OK ? value : 0
    }

    func failure(_ code: CURLcode) -> FetchFailure {
        let said = String(cString: errorText)
        let reason = said.isEmpty ? String(cString: curl_easy_strerror(code)) : said
        return FetchFailure(Self.kind(code), reason)
    }

    private func check(_ code: CURLcode) { if fault == CURLE_OK { fault = code } }

    private static func kind(_ code: CURLcode) -> FetchFailure.Kind {
        switch code {
        case CURLE_OPERATION_TIMEDOUT: .timeout
        case CURLE_PARTIAL_FILE: .truncated
        case CURLE_FILESIZE_EXCEEDED: .tooLarge
        case CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT, CURLE_UNKNOWN_OPTION: .invalid
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            .tls
        default: .connection
        }
    }
}
