#include <fmt/format.h>

#include <algorithm>

#include "cli/render.h"
#include "cli/words.h"

namespace taxgate::cli {
namespace {

std::string on_off(const Screen& screen, bool connected) {
  return std::string(connected ? screen.pick("connected", "已连接") : screen.pick("NOT connected", "未连接"));
}

void add_key(Grid& grid, const Screen& screen, const api::v1::KeyInfo& k) {
  grid.add({k.serial(), k.taxpayer(), key_state_word(screen, k.state()), short_time(k.valid_until()),
            k.pin_tries_left() < 0 ? "?" : std::to_string(k.pin_tries_left()), std::to_string(k.signed_count()),
            k.reader(), screen.pick(k.trouble(), k.trouble_zh())});
}

Grid key_grid(const Screen& screen) {
  return Grid({screen.pick("key", "税务密钥"), screen.pick("taxpayer", "纳税人"), screen.pick("state", "状态"),
               screen.pick("valid until", "有效期至"), screen.pick("PIN tries", "口令剩余次数"),
               screen.pick("signed", "签名数"), screen.pick("reader", "读卡器"), ""});
}

/// "3F:2A:91:C0:7B:44…", the way `openssl x509 -fingerprint -sha256` begins. hex  as the API gives it
std::string fingerprint_begin(std::string_view hex) {
  constexpr std::size_t kShown = 12;  // digits: more than chance or a typing mistake makes equal
  std::string out;
  for (std::size_t i = 0; i < std::min(kShown, hex.size()); ++i) {
    if (i > 0 && i % 2 == 0) out += ':';
    out += hex[i] >= 'a' && hex[i] <= 'f' ? static_cast<char>(hex[i] - 'a' + 'A') : hex[i];
  }
  return hex.size() > kShown ? out + "…" : out;
}

}  // namespace

std::string keys_text(const Screen& screen, const api::v1::KeyList& list) {
  std::string out =
      fmt::format("{} {}\n", screen.pick("key host:", "密钥主机:"), on_off(screen, list.key_host_connected()));
  if (list.keys().empty()) return out + screen.pick("no key found\n", "未发现税务密钥\n");
  Grid grid = key_grid(screen);
  for (const auto& k : list.keys()) add_key(grid, screen, k);
  out += grid.text({4, 5});
  for (const auto& k : list.keys())
    if (const std::string remedy = screen.pick(k.remedy(), k.remedy_zh()); !remedy.empty())
      out += fmt::format("{} {}\n", k.serial().empty() ? k.reader() : k.serial(), remedy);
  return out + disks_text(screen, list.keys(), true);
}

std::string holds_text(const Screen& screen, const api::v1::HoldList& list) {
  if (list.holds().empty()) return screen.pick("nothing is on hold\n", "没有暂停\n");
  Grid grid({screen.pick("taxpayer", "纳税人"), screen.pick("reason", "原因"), screen.pick("since", "自"),
             screen.pick("released by", "由谁解除"), screen.pick("cause", "起因"), screen.pick("remedy", "处理")});
  for (const auto& h : list.holds())
    grid.add({h.taxpayer(), hold_word(screen, h.reason()), short_time(h.since()), role_word(screen, h.release_by()),
              detail_text(screen, h.cause()), screen.pick(h.remedy(), h.remedy_zh())});
  return grid.text();
}

std::string events_text(const Screen& screen, const api::v1::EventList& list) {
  Grid grid;
  for (const auto& e : list.events())
    grid.add({short_time(e.at()), type_word(screen, e.type()), e.submission(), e.blue_number(),
              screen.chinese() && e.type().starts_with("sync.") ? "" : state_word(screen, e.state()), e.reference(),
              principal_word(screen, e.principal()), detail_text(screen, e.detail())});
  return grid.text();
}

std::string invoice_text(const Screen& screen, const api::v1::Invoice& i) {
  Grid head;
  const auto add = [&](std::string_view english, std::string_view zh, std::string value) {
    if (!value.empty()) head.add({screen.pick(english, zh), std::move(value)});
  };
  add("invoice", "发票", i.number() + (i.is_red() ? screen.pick("  (red)", "  (红字)") : ""));
  add("type", "类型", i.type());
  add("issued", "开票日期", short_time(i.issued_at()));
  add("seller", "销售方", i.seller().id() + "  " + i.seller().name());
  add("buyer", "购买方", i.buyer().id() + "  " + i.buyer().name());
  add("amount, tax", "金额、税额", grouped(i.amount()) + "  " + grouped(i.tax()));
  add("status", "状态", i.status() + (i.locked() ? screen.pick("  locked", "  红字锁定") : ""));
  add("use, booking", "用途、入账", i.use() + "  " + i.booking());
  for (const auto& red : i.reds()) add("red", "红字发票", red);
  std::string out = head.text();
  Grid lines({"#", screen.pick("name", "名称"), screen.pick("quantity", "数量"), screen.pick("price", "单价"),
              screen.pick("amount", "金额"), screen.pick("rate", "税率"), screen.pick("tax", "税额")});
  for (const auto& l : i.lines())
    lines.add(
        {std::to_string(l.line()), l.name(), l.quantity(), l.price(), grouped(l.amount()), l.rate(), grouped(l.tax())});
  return out + lines.text({2, 3, 4, 5, 6}, "  ");
}

std::string callers_text(const Screen& screen, const api::v1::CallerList& list) {
  if (list.callers().empty())
    return screen.pick("no callers beyond root and the daemon's own user\n", "除 root 与守护进程用户外没有调用方\n");
  const auto joined = [](const auto& parts) {
    std::string out;
    for (const auto& part : parts) out += (out.empty() ? "" : ",") + part;
    return out;
  };
  Grid grid({screen.pick("caller", "调用方"), screen.pick("roles", "角色"), screen.pick("taxpayers", "纳税人"),
             screen.pick("known by", "识别方式")});
  for (const auto& c : list.callers()) {
    std::vector<std::string> known;
    if (c.has_uid()) known.push_back(fmt::format("uid {}", c.uid()));
    if (c.by_token()) known.push_back(screen.pick("token", "令牌"));
    if (!c.certificate_sha256().empty())
      known.push_back(screen.pick("certificate ", "证书 ") + fingerprint_begin(c.certificate_sha256()));
    grid.add({c.name(), joined(c.roles()), c.taxpayers().empty() ? screen.pick("all", "全部") : joined(c.taxpayers()),
              joined(known)});
  }
  return grid.text();
}

std::string status_text(const Screen& screen, const api::v1::Status& s) {
  Grid head;
  const auto add = [&](std::string_view english, std::string_view zh, std::string value) {
    if (!value.empty()) head.add({screen.pick(english, zh), std::move(value)});
  };
  add("taxgated", "taxgated", fmt::format("{}  {}", s.version(), health_word(screen, s.health())));
  add("running since", "启动于", short_time(s.started_at()));
  add("legal time", "法定时间", short_time(s.legal_time()));
  add("platform", "税务平台", screen.pick(s.platform(), s.platform_zh()));
  add("database", "数据库", s.database());
  std::string counts;
  for (const auto& c : s.states())
    if (c.count() > 0)
      counts += fmt::format("{}{} {}", counts.empty() ? "" : " · ", state_word(screen, c.state()), c.count());
  add("submissions", "提交", counts.empty() ? screen.pick("none", "无") : counts);
  add("oldest queued", "最早排队", short_time(s.oldest_queued_at()));
  add("next deadline", "最近期限", short_time(s.next_deadline()));
  int ready = 0;
  for (const auto& k : s.keys()) ready += k.state() == "ready" ? 1 : 0;
  add("key host", "密钥主机",
      fmt::format("{}, {}", on_off(screen, s.key_host_connected()),
                  screen.chinese() ? fmt::format("{}/{} 个密钥就绪", ready, s.keys_size())
                                   : fmt::format("{} of {} keys ready", ready, s.keys_size())));
  std::string out = head.text();
  Grid keys = key_grid(screen);
  for (const auto& k : s.keys()) add_key(keys, screen, k);
  if (s.keys_size() > 0) out += keys.text({4, 5}, "  ");
  out += disks_text(screen, s.keys(), false);
  if (s.holds_size() > 0) {
    api::v1::HoldList holds;
    *holds.mutable_holds() = s.holds();
    out += fmt::format("{}\n{}", screen.pick("on hold", "暂停"), holds_text(screen, holds));
  }
  for (const auto& t : s.troubles())
    out += fmt::format("! {}: {} {}\n", t.code(), screen.pick(t.message(), t.message_zh()),
                       screen.pick(t.remedy(), t.remedy_zh()));
  return out;
}

}  // namespace taxgate::cli
