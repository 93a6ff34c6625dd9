import Bytes
import Testing

@testable import Workers

@Suite struct ComposingTests {
    static let long = String(repeating: "客厅的电池传感器在夜里报告了异常，", count: 9)

    static let texts = [
        "Plain words", "客厅传感器", "Heliograph 注册验证码", long,
        "mixed 中文 and ASCII 🔋🇨🇳 e\u{301}", String(repeating: "a", count: 300),
        String(repeating: "word ", count: 60) + "end", " leading and trailing ", "two  spaces", "=?UTF-8?B?5rWL6K+V?=", "", "𠀀𠀁𠀂" + long,
        "quoted \"and\" (comment), <x@y>",
    ]

    private func message(name: String = "", subject: String = "s", text: String = "t", html: String = "<p>h</p>") throws -> MailMessage {
        MailMessage(
            from: try MailAddress(name: name, address: "no-reply@heliograph.example"), to: try MailAddress(address: "a@b.example"), id: "test.1",
            date: Timestamp(seconds: 1_767_225_600), content: MailContent(subject: subject, text: text, html: html))
    }

    @Test(arguments: texts) func subjectsComeBackAsTheyWere(_ subject: String) throws {
        let bytes = try message(subject: subject).bytes()
        let read = ReadMessage(bytes)
        let got = ReadMessage.decoded(try #require(read["Subject"]))
        #expect(got == subject)
        let longest = read.lines.map(\.utf8.count).max() ?? 0
        #expect(longest <= 76)
    }

    @Test(arguments: texts.filter { !$0.isEmpty }) func namesComeBackAsTheyWere(_ name: String) throws {
        let read = ReadMessage(try message(name: name).bytes())
        let got = ReadMessage.decoded(try #require(read["From"]))
        #expect(got == name + " <no-reply@heliograph.example>")
        let longest = read.lines.map(\.utf8.count).max() ?? 0
        #expect(longest <= 76)
    }

    @Test(arguments: texts) func encodedWordsAreWholeCharactersOfAtMost75Bytes(_ text: String) {
        for word in EncodedWord.words(text, first: 60) {
            #expect(word.utf8.count <= 75)
            let bytes = ReadMessage.base64(word.dropFirst(10).dropLast(2))
            let isWhole = UTF8Check.isValid(bytes)
            #expect(isWhole, "\(word)")
        }
    }

    static let bodies = [
        "one line", "您好！\n\n验证码：123456\n", "trailing space \nand tab\t\nend", ".\n..\n.dots\nFrom here", "a=b =3D =", String(repeating: "长", count: 500),
        String(repeating: "x", count: 76), String(repeating: "x", count: 77), String(repeating: "x", count: 75) + "=", String(repeating: " ", count: 200),
        "windows\r\nold mac\runix\n", "\n\nempty lines\n\n", "--=_alternative\n--=_alternative--", "",
    ]

    @Test(arguments: bodies) func bodiesComeBackAsTheyWere(_ body: String) throws {
        let bytes = try message(text: body, html: "<p>\(body)</p>").bytes()
        let read = ReadMessage(bytes)
        #expect(read.parts.map(\.type) == ["text/plain; charset=utf-8", "text/html; charset=utf-8"])
        var lines = body.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        if lines.unicodeScalars.last == "\n" { lines.unicodeScalars.removeLast() }
        let got = read.parts.first?.body.replacing("\r\n", with: "\n")
        #expect(got == lines)
        let isASCII = bytes.allSatisfy { $0 < 0x80 }
        let longest = read.lines.map(\.utf8.count).max() ?? 0
        #expect(isASCII && longest <= 76)
        let breaks = bytes.count { $0 == 10 }
        #expect(breaks == read.lines.count - 1 && bytes.count { $0 == 13 } == breaks)
    }

    @Test func theFieldsAreThoseOfRFC5322() throws {
        let read = ReadMessage(try message().bytes())
        #expect(read.fields.map(\.name) == ["Date", "From", "To", "Message-ID", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"])
        #expect(read["Date"] == "Thu, 01 Jan 2026 00:00:00 +0000")
        #expect(read["Message-ID"] == "<test.1@heliograph.example>")
        #expect(read["To"] == "a@b.example")
        #expect(read["MIME-Version"] == "1.0")
    }

    @Test(arguments: ["\r\nBcc: x@y.example", "\n.", "\r", "\0", "tab\t", "\u{7F}", "\u{85}"])
    func controlCharactersInAFieldAreRefused(_ bad: String) throws {
        for text in ["a" + bad, bad, "中" + bad] {
            #expect(throws: MailFault.self) { try message(subject: text).bytes() }
            #expect(throws: MailFault.self) { try MailAddress(name: text, address: "a@b.example") }
            #expect(throws: MailFault.self) { try MailAddress(address: text + "@b.example") }
            #expect(throws: MailFault.self) { try MailAddress(address: "a@b.example" + text) }
            var named = try message()
            named.id = text
            let given = named
            #expect(throws: MailFault.self) { try given.bytes() }
        }
        #expect(throws: MailFault.self) { try message(text: "a\0b").bytes() }
        #expect(throws: MailFault.self) { try message(html: "a\0b").bytes() }
    }

    @Test(arguments: [
        "", "@", "a@", "@b", "a b@c.d", "a@b c", "<a@b>", "a@b>", "a@b@c", "a..b@c.d", ".a@b.c", "a.@b.c", "a@b..c", "a@.b", "\"a\"@b.c", "用户@b.c", "a@例子.cn",
        "a,b@c.d", "a@b,c@d", "a@b;", String(repeating: "a", count: 65) + "@b.c", "a@" + String(repeating: "b", count: 64) + ".c",
    ]) func addressesThatAreNoneAreRefused(_ text: String) {
        #expect(throws: MailFault.self) { try MailAddress(address: text) }
    }

    @Test(arguments: [
        ("a@b.c", "", "a@b.c"), ("Heliograph <no-reply@x.example>", "Heliograph", "no-reply@x.example"), ("\"A, B\" <a+b@x>", "A, B", "a+b@x"),
        ("测试 邮箱 <t@x.cn>", "测试 邮箱", "t@x.cn"), ("<a@b>", "", "a@b"),
    ]) func mailboxesAreRead(_ text: String, _ name: String, _ address: String) throws {
        let box = try MailAddress(text)
        #expect(box.name == name && box.address == address)
    }

    @Test(arguments: VerificationText.Purpose.allCases, MailLanguage.allCases)
    func codesStandInBothBodiesAndNotInTheSubject(_ purpose: VerificationText.Purpose, _ language: MailLanguage) throws {
        let content = VerificationText.content(purpose, code: "012345", minutes: 10, language)
        #expect(content.text.contains("012345") && content.html.contains(">012345<") && !content.subject.contains("012345"))
        #expect(content.text.contains("10 ") && content.html.contains("10 "))
        let others = VerificationText.Purpose.allCases.filter { $0 != purpose }
            .map { VerificationText.content($0, code: "012345", minutes: 10, language).subject }
        #expect(!others.contains(content.subject))
    }

    private func alert(_ type: String, device: String = "客厅", message: String = "设备电量低: 15%", value: Double = 15) -> AlertMail {
        AlertMail(
            device: device, alertType: type, level: "critical", message: message, value: value, threshold: 20, triggeredAt: Timestamp(seconds: 1_767_225_605),
            offset: .beijing)
    }

    @Test func alertsNameDeviceLevelMessageAndTime() {
        let chinese = alert("low_battery").content(.chinese)
        #expect(chinese.subject == "[严重] 客厅：设备电量低: 15%")
        for text in [chinese.text, chinese.html] {
            #expect(text.contains("设备：客厅") && text.contains("级别：严重") && text.contains("设备电量低: 15%") && text.contains("2026-01-01 08:00:05 (UTC+08:00)"))
        }
        let english = alert("high_temperature", device: "Shed", value: 45.26).content(.english)
        #expect(english.subject == "[critical] Shed: Temperature too high: 45.3 °C")
        #expect(english.text.contains("Device: Shed\nLevel: critical\nTime: 2026-01-01 08:00:05 (UTC+08:00)"))
    }

    @Test func whatPeopleNameIsNeitherHTMLNorAField() throws {
        let name = "<script>alert('x')</script>\r\nBcc: y@z & \"co\"\0"
        let content = alert("device_offline", device: name, message: "<b>离线</b>").content(.chinese)
        #expect(!content.html.contains("<script") && !content.html.contains("<b>") && content.html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"))
        let read = ReadMessage(try message(subject: content.subject, text: content.text, html: content.html).bytes())
        #expect(read.fields.count == 8)
        let subject = ReadMessage.decoded(try #require(read["Subject"]))
        #expect(subject == "[严重] <script>alert('x')</script>  Bcc: y@z & \"co\" ：<b>离线</b>")
    }

    @Test(arguments: [
        (nil, MailLanguage.chinese), ("zh", .chinese), ("en", .english), ("EN-us", .english), ("en_GB", .english), ("eng", .chinese), ("", .chinese),
    ])
    func chineseIsTheLanguageOfAllThatIsNotEnglish(_ tag: String?, _ language: MailLanguage) {
        #expect(MailLanguage(tag) == language)
    }

    @Test(arguments: [
        ("554 your code 123456 is spam", "554 your code ****** is spam"), ("123456", "******"), ("123 456, 123-456", "******, ******"),
        ("12=\r\n3456", "******"),
        ("1234567", "******7"),
        ("0123456", "0******"), ("112123456", "112******"), ("12345 7", "12345 7"), ("654321", "654321"), ("", ""), ("验证码123456。", "验证码******。"),
    ]) func codesAreTakenOutOfWhatServersSay(_ text: String, _ masked: String) {
        #expect(CodeMask("123456").masked(text) == masked)
    }
}
