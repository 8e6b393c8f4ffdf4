// `export reds`: the red invoices of a month as a table for the accountant.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "cli/commands.h"
#include "cli/files/table.h"
#include "cli/words.h"
#include "daemon/core/files.h"
#include "protocol/decimal.h"

namespace taxgate::cli {
namespace {

bool is_month(std::string_view text) {
  return text.size() == 7 && text[4] == '-' &&
         std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; }) == 6 && text.substr(5) >= "01" &&
         text.substr(5) <= "12";
}

std::string with_tax(const std::string& amount, const std::string& tax) {
  const auto a = Fen::parse(amount), t = Fen::parse(tax);
  return a && t ? (*a + *t).text() : std::string();
}

std::vector<files::Column> columns(const Screen& s) {
  return {{s.pick("red invoice", "红字发票号码")},
          {s.pick("issued", "开票日期")},
          {s.pick("blue invoice", "原蓝字发票号码")},
          {s.pick("seller", "销售方纳税人识别号")},
          {s.pick("buyer", "购买方")},
          {s.pick("reason", "红冲原因")},
          {s.pick("amount", "金额"), true},
          {s.pick("tax", "税额"), true},
          {s.pick("total", "价税合计"), true},
          {s.pick("form", "红字确认单或信息表编号")},
          {s.pick("submission", "提交")},
          {s.pick("order", "订单")},
          {s.pick("contract", "合同")}};
}

}  // namespace

Exit run_export_reds(Session& session) {
  const auto& given = session.given();
  const auto& screen = session.screen();
  const std::string month = given.value("--month"), out = given.value("--out");
  if (!is_month(month))
    return session.report(
        failed({Errc::invalid_input, "cli.missing_argument", "export reds", "--month YYYY-MM", {}, {}}));
  if (!out.empty() && std::filesystem::exists(out))
    return session.report(failed({Errc::invalid_input, "cli.file_exists", "--out", out, {}, {}}));

  files::TextRows rows;
  std::string after;
  do {
    std::string target = "/v1/submissions";
    add_query(target, "state", "issued");
    add_query(target, "taxpayer", given.value("--taxpayer"));
    add_query(target, "limit", kLargestPage);
    add_query(target, "after", after);
    const auto list = session.get<api::v1::SubmissionList>(target);
    if (!list) return session.report(list.error());
    for (const auto& s : list->submissions()) {
      if (s.red_number().empty()) continue;  // a confirmed or denied form of the other side
      // A red belongs to the month of its own date; the last change of its submission is close, but not the law's word.
      const auto red = session.get<api::v1::Invoice>("/v1/invoices/" + encoded(s.red_number()));
      if (!red && red.error().exit != Exit::refused) return session.report(red.error());
      const std::string issued = red && !red->issued_at().empty() ? red->issued_at() : s.updated_at();
      if (!issued.starts_with(month)) continue;
      rows.push_back({s.red_number(), short_time(issued), s.blue_number(), s.seller(), s.buyer(),
                      reason_word(screen, s.reason()), s.amount(), s.tax(), with_tax(s.amount(), s.tax()),
                      s.form_number(), s.id(), s.context().order(), s.context().contract()});
    }
    after = list->next();
  } while (!after.empty());
  std::ranges::sort(rows, {}, [](const auto& row) { return std::tie(row[1], row[0]); });

  const bool xlsx = out.ends_with(".xlsx");
  const std::string bytes = xlsx ? files::write_xlsx(columns(screen), rows) : files::write_csv(columns(screen), rows);
  if (out.empty()) {
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
    return Exit::ok;
  }
  if (auto written = write_file_atomic(out, bytes); !written) return session.report(failed(written.error()));
  session.answer(screen.chinese() ? fmt::format("{} 张红字发票 → {}\n", rows.size(), out)
                                  : fmt::format("{} red invoices → {}\n", rows.size(), out));
  return Exit::ok;
}

}  // namespace taxgate::cli
