enum BenchCommand {
    static func run(_ arguments: Arguments, _ settings: Settings) async throws { throw UsageError("later") }
}
