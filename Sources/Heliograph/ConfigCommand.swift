/// `heliograph config`: every setting, its value, where it came from.
enum ConfigCommand {
    static func run(_ arguments: Arguments, _ settings: Settings) throws {
        try arguments.allow()
        for setting in Settings.all {
            let value = settings[setting.name]
            let shown = setting.isSecret && !value.isEmpty ? "(set, not shown)" : value
            print("\(setting.name)=\(shown)   # \(settings.origin(setting.name)); default '\(setting.fallback)': \(setting.meaning)")
        }
    }
}
