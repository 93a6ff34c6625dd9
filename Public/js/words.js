// Every text of the console, Chinese first. Server texts (anomaly types, errors) are shown as they come.
const words = {
  zh: {
    title: "充电风险监测", stations: "充电站", jobs: "作业", map: "分布", close: "关闭", curve: "电流曲线", measured: "实测", predicted: "预测",
    monthly: "月度异常统计", month: "月份", status: "实时状态", meter: "电表", current: "电流 (A)", anomaly: "异常", level: "预警级别",
    overall: "综合状态", time: "时间", login: "登录", logout: "退出", username: "用户名", password: "密码", state: "状态", refresh: "刷新",
    all: "全部", normal: "正常", warning: "关注", critical: "严重", unknown: "未知", green: "绿色", yellow: "黄色", red: "红色",
    facility: "设施", ratedPower: "额定功率 (kW)", maxInput: "最大输入 (A)", maxOutput: "最大输出 (A)", pattern: "充电模式",
    connecting: "连接中", live: "实时", waiting: "已断开,重连中", none: "无", noData: "暂无数据", unreachable: "无法连接服务器",
    badLogin: "登录失败", other: "English",
  },
  en: {
    title: "Charging risk", stations: "Stations", jobs: "Jobs", map: "Map", close: "Close", curve: "Current", measured: "measured",
    predicted: "predicted", monthly: "Anomalies of the month", month: "Month", status: "Live status", meter: "Meter", current: "Current (A)",
    anomaly: "Anomaly", level: "Warning level", overall: "Status", time: "Time", login: "Log in", logout: "Log out", username: "User name",
    password: "Password", state: "State", refresh: "Refresh", all: "All", normal: "Normal", warning: "Warning", critical: "Critical",
    unknown: "Unknown", green: "Green", yellow: "Yellow", red: "Red", facility: "Facility", ratedPower: "Rated power (kW)",
    maxInput: "Max. input (A)", maxOutput: "Max. output (A)", pattern: "Pattern", connecting: "connecting", live: "live",
    waiting: "disconnected, retrying", none: "none", noData: "No data yet", unreachable: "The server cannot be reached",
    badLogin: "Login failed", other: "中文",
  },
};

let language = localStorage.getItem("language") === "en" ? "en" : "zh";

export const t = (key) => words[language][key] ?? key;

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem("language", language);
}

/** Writes the texts of the page's fixed parts. */
export function translatePage() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
  for (const e of document.querySelectorAll("[data-t-label]")) e.setAttribute("aria-label", t(e.dataset.tLabel));
  const other = document.getElementById("language");
  other.textContent = t("other");
  other.lang = language === "zh" ? "en" : "zh-CN";
}
