/// How people get accounts.
public struct AccountOptions: Sendable {
    /// Whether an account is only made for an address whose code was given.
    public var requiresEmailVerification = false
    /// nil: nobody is asked whether they are a robot.
    public var recaptcha: ReCaptchaOptions?
    /// Codes that one client address may ask for, and accounts that it may make, in an hour, of each API loop.
    public var sendsPerHour = 20
    public var registrationsPerHour = 60

    public init() {}
}

/// The provider that tells people from robots.
public struct ReCaptchaOptions: Sendable {
    public static let usualURL = "https://www.google.com/recaptcha/api/siteverify"

    /// What browsers get.
    public var siteKey: String
    public var secret: String
    /// Where tokens are checked; http or https.
    public var url: String
    /// For one check, ms; waiting for its turn included.
    public var timeoutMs: Int64 = 5_000

    public init(siteKey: String, secret: String, url: String = ReCaptchaOptions.usualURL) {
        self.siteKey = siteKey
        self.secret = secret
        self.url = url
    }
}
