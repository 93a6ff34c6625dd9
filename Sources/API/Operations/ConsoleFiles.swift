import HTTP

/// The console: files that may only load what lies beside them and talk to where they came from.
struct ConsoleFiles {
    private let files: StaticFiles

    private static let headers: [(name: String, value: String)] = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                + "frame-ancestors 'none'"
        ),
        ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ]

    /// Errors: 500 when the directory cannot be opened.
    init(directory: String) throws(APIError) { files = try StaticFiles(root: directory) }

    func add(to group: RouteGroup) {
        group.on(.get, "/console") { _ in .redirect("console/", status: 308) }
        group.on(.get, "/console/*path") { request in
            var reply = try files.reply(request, path: request.param("path"))
            reply.headers += Self.headers
            return reply
        }
    }
}
