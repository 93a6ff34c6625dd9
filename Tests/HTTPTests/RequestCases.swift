/// Requests and what must become of them: a status, or nil for "read it".
enum RequestCases {
    static let good: [(text: String, bodies: [String])] = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", [""]),
        ("GET / HTTP/1.0\r\n\r\n", [""]),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", [""]),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", [""]),
        ("GET /a%20b?x=1&y=%E4%B8%AD HTTP/1.1\r\nHost: a:8000\r\n\r\n", [""]),
        ("GET http://example.com/x?y HTTP/1.1\r\nHost: example.com\r\n\r\n", [""]),
        ("GET HTTPS://example.com:443/ HTTP/1.1\r\nHost: other\r\n\r\n", [""]),
        ("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", [""]),
        ("PURGE /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", [""]),
        ("GET / HTTP/1.1\r\nhOsT:a\r\nX-Empty:\r\nX-Tab:\ta\tb\t\r\n\r\n", [""]),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", [""]),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", ["hello"]),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello", ["hello"]),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ["hello"]),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n00A\r\n0123456789\r\n1\r\n!\r\n000\r\n\r\n", ["0123456789!"]),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b;c=\"d;\\\"e\";f\r\nx\r\n0;z\r\n\r\n", ["x"]),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nContent-Length: 9\r\n\r\n", ["x"]),
        ("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\nHost: a\r\n\r\n", ["", "hi", ""]),
        ("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", ["ab", ""]),
    ]

    private static func line(_ line: String) -> String { line + "\r\nHost: a\r\n\r\n" }
    private static func fields(_ fields: String) -> String { "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n\r\n" }
    private static func host(_ fields: String) -> String { "GET / HTTP/1.1\r\n" + fields + "\r\n\r\n" }
    private static func chunks(_ body: String) -> String { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body }

    static let bad: [(text: String, status: Int)] = [
        // Request line.
        (line("GET  / HTTP/1.1"), 400), (line(" GET / HTTP/1.1"), 400), (line("GET /  HTTP/1.1"), 400), (line("GET / HTTP/1.1 "), 400),
        (line("GET /"), 400), (line("GET"), 400), (line("GET\t/\tHTTP/1.1"), 400), (line("G@T / HTTP/1.1"), 400), (line("G(T / HTTP/1.1"), 400),
        (line("GET /a b HTTP/1.1"), 400), (line("GET /a#b HTTP/1.1"), 400), (line("GET / http/1.1"), 400), (line("GET / HTTP/1.1x"), 400),
        (line("GET / HTTP/1.2"), 400), (line("GET / HTTP/1.9"), 400), (line("GET / HTTP/2.0"), 505), (line("GET / HTTP/0.9"), 505),
        (line("GET / HTTP/11"), 400), (line("GET / HTTP/1.10"), 400), (line("GET / HTTP/01.1"), 400), (line("GET / HTTP /1.1"), 400),
        (line("GET / HTTPS/1.1"), 400), (line("GET / HTTP/1,1"), 400), (line("GET / HTTP/-1.1"), 400),
        (line("GET a HTTP/1.1"), 400), (line("GET * HTTP/1.1"), 400), (line("GET http:// HTTP/1.1"), 400), (line("GET http:/// HTTP/1.1"), 400),
        (line("GET http://a HTTP/1.1"), 400), (line("GET ftp://a/ HTTP/1.1"), 400), (line("GET http://u@a/ HTTP/1.1"), 400),
        (line("CONNECT a:443 HTTP/1.1"), 400), (line("GET /% HTTP/1.1"), 400), (line("GET /%2 HTTP/1.1"), 400), (line("GET /%zz HTTP/1.1"), 400),
        (line("GET /?%4 HTTP/1.1"), 400), (line("GET /\u{7f} HTTP/1.1"), 400), (line("GET /\u{1} HTTP/1.1"), 400), (line("GET /\u{0} HTTP/1.1"), 400),
        (line("GET /é HTTP/1.1"), 400), (line("OPTIONS *x HTTP/1.1"), 400), ("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        // Line ends and control characters.
        ("GET / HTTP/1.1\nHost: a\n\n", 400), ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400), ("GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400), ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400), (fields("X: a\u{0}b"), 400), (fields("X: a\rb"), 400),
        (fields("X: a\u{b}b"), 400), (fields("X: \u{7f}"), 400), (fields("X\u{0}: b"), 400),
        // Fields.
        (fields("X : b"), 400), (fields(" X: b"), 400), (fields("X: a\r\n b"), 400), (fields("X: a\r\n\tb"), 400), (fields(": b"), 400), (fields("X"), 400),
        (fields("X Y: b"), 400), (fields("X\t: b"), 400), (fields("X(: b"), 400), (fields("é: b"), 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        // Host.
        (host("X: y"), 400), (host("Host: a\r\nHost: a"), 400), (host("Host:"), 400), (host("Host: a b"), 400), (host("Host: a/b"), 400),
        (host("Host: a:b"), 400), (host("Host: a:99999"), 400), (host("Host: u@a"), 400), (host("Host: [::1"), 400), (host("Host: [zz]"), 400),
        (host("Host: a,b:1:2"), 400), (host("Host: :80"), 400), (host("Host: a%2"), 400), ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        // Message length.
        (fields("Content-Length: +5"), 400), (fields("Content-Length: -5"), 400), (fields("Content-Length: 5,5"), 400), (fields("Content-Length: 5 6"), 400),
        (fields("Content-Length: 5\r\nContent-Length: 5"), 400), (fields("Content-Length: 5\r\nContent-Length: 6"), 400), (fields("Content-Length:"), 400),
        (fields("Content-Length: 0x5"), 400), (fields("Content-Length: 5a"), 400), (fields("Content-Length: 99999999999999999999"), 400),
        (fields("Content-Length: 18446744073709551621"), 400), (fields("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400),
        (fields("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400), (fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400),
        (fields("Transfer-Encoding: gzip, chunked"), 400), (fields("Transfer-Encoding: chunked, identity"), 400), (fields("Transfer-Encoding: identity"), 400),
        (fields("Transfer-Encoding: xchunked"), 400), (fields("Transfer-Encoding: \"chunked\""), 400), (fields("Transfer-Encoding:"), 400),
        (fields("Transfer-Encoding: chunked;q=1"), 400), (fields("Transfer-Encoding:\u{b}chunked"), 400), (fields("Transfer-Encoding : chunked"), 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400), (fields("Content-Length: 10485761"), 413), (fields("Expect: 200-ok"), 417),
        // Chunks.
        (chunks("5 \r\nhello\r\n"), 400), (chunks(" 5\r\nhello\r\n"), 400), (chunks("0x5\r\nhello\r\n"), 400), (chunks("+5\r\nhello\r\n"), 400),
        (chunks("-1\r\n"), 400), (chunks("\r\n"), 400), (chunks("g\r\n"), 400), (chunks("5_0\r\n"), 400), (chunks("FFFFFFFFFFFFFFFF1\r\n"), 400),
        (chunks("8000000000000000\r\n"), 400), (chunks("A00001\r\n"), 413), (chunks("5\nhello\r\n"), 400), (chunks("5\rhello\r\n"), 400),
        (chunks("5\r\nhello!\r\n"), 400),
        (chunks("5\r\nhello\n0\r\n\r\n"), 400), (chunks("5\r\nhello\rX"), 400), (chunks("5\r\nhello0\r\n\r\n"), 400), (chunks("5;\r\nhello\r\n"), 400),
        (chunks("5;a=\r\nhello\r\n"), 400),
        (chunks("5;a=\"b\r\nhello\r\n"), 400), (chunks("5;a b\r\nhello\r\n"), 400), (chunks("5 ;a\r\nhello\r\n"), 400), (chunks("5;a\nhello\r\n"), 400),
        (chunks("5;" + String(repeating: "a", count: 300) + "\r\n"), 400), (chunks(String(repeating: "0", count: 40) + "5\r\n"), 400),
        (chunks(String(repeating: "1;" + String(repeating: "a", count: 250) + "\r\nx\r\n", count: 5)), 400),
        (chunks("0\r\nA b: c\r\n\r\n"), 400), (chunks("0\r\n A: c\r\n\r\n"), 400), (chunks("0\r\nA: c\n\r\n"), 400), (chunks("0\r\nA\r\n\r\n"), 400),
        (chunks("0\r\nA: " + String(repeating: "c", count: 9000)), 431), (chunks("0\r\n" + String(repeating: "A: b\r\n", count: 101)), 431),
    ]
}
