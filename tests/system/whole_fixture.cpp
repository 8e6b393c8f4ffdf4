#include "tests/system/whole_fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <stdexcept>
#include <thread>

#include "daemon/core/clock.h"

namespace taxgate::tests {

using simulator::Stand;
using simulator::StandOptions;

std::int64_t ahead_to_a_quiet_morning() {
  constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;
  constexpr int kDay = 12;
  const LegalTime now = SystemLegalClock().now();
  std::int64_t day = (now.ms + LegalTime::kOffsetMs) / kDayMs + 1;
  while (LegalTime{day * kDayMs}.day() != kDay) ++day;
  return day * kDayMs - LegalTime::kOffsetMs + 10 * LegalTime::kHourMs - now.ms;
}

Whole::Whole(WholeOptions options) {
  StandOptions wanted;
  wanted.legal_ahead_ms = ahead_to_a_quiet_morning();
  wanted.programs = TAXGATE_BIN_DIR;
  wanted.taxgated = options.taxgated;
  wanted.keys = 2;
  wanted.with_keys = options.with_keys;
  wanted.retry_first_ms = options.retry_first_ms;
  wanted.retry_max_ms = std::max(options.retry_first_ms, wanted.retry_max_ms);
  wanted.settle_ms = 1000;
  wanted.answer_ms = options.answer_ms;
  wanted.connect_ms = 1500;
  if (options.upload) wanted.upload_taxpayers = {wanted.taxpayers.front().party.id};
  wanted.more_config = options.more_config;
  if (!options.sync.empty()) wanted.sync = options.sync;
  wanted.define_key = options.define_key;
  wanted.define_disk = options.define_disk;
  auto built = Stand::build(wanted);
  if (!built) throw std::runtime_error(built.error().id + " " + built.error().field + " " + built.error().detail);
  stand_ = std::move(*built);
  if (!options.with_keys) return;
  if (auto ok = stand_->start_keyd(); !ok) throw std::runtime_error(ok.error().id + " " + ok.error().detail);
}

Invoice Whole::invoice(bool booked, LegalTime issued_at) {
  Invoice out;
  out.issued_at = issued_at.is_set() ? issued_at : stand_->legal_now().plus_ms(-48 * LegalTime::kHourMs);
  out.number = fmt::format("{:02}9900{:014d}", out.issued_at.year() % 100, 500'000 + ++numbers_);
  out.type = "81";
  out.seller = stand_->options().taxpayers.front().party;
  out.buyer = {sample::invented_id("420106", 2500 + numbers_ % 400), fmt::format("示例购买方{}有限公司", numbers_)};
  out.use = "0";
  out.booking = booked ? "02" : "01";
  out.status = "0";
  InvoiceLine line;
  line.number = 1;
  line.tax_code = "1090131050000000000";
  line.name = "*制冷空调设备*变频空调";
  line.unit = "台";
  line.quantity = Decimal::from_int(10);
  line.price = Decimal::from_int(100);
  line.amount = Fen{100'000};
  line.rate = *Decimal::parse("0.13");
  line.tax = Fen{13'000};
  out.lines.push_back(line);
  out.amount = line.amount;
  out.tax = line.tax;
  return out;
}

Invoice Whole::blue(bool booked) {
  Invoice out = invoice(booked);
  auto ok = stand_->import_invoices({out});
  EXPECT_TRUE(ok) << (ok ? "" : ok.error().id + " " + ok.error().detail);
  return out;
}

api::v1::SubmissionRequest Whole::full_red(const Invoice& blue) const {
  api::v1::SubmissionRequest request;
  request.set_idempotency_key("key-" + blue.number);
  request.set_seller(blue.seller.id);
  request.set_blue_number(blue.number);
  request.set_reason("01");
  return request;
}

void Whole::fault(const Invoice& blue, std::string_view service, const std::string& action) {
  auto ok = stand_->control("POST", "/faults",
                            fmt::format(R"({{"service":"{}","blue_number":"{}",{}}})", service, blue.number, action));
  EXPECT_TRUE(ok) << (ok ? "" : ok.error().detail);
}

void Whole::counterparty(const Invoice& blue, const std::string& reaction) {
  auto ok = stand_->control(
      "POST", "/counterparty",
      fmt::format(R"({{"rules":[{{"blue_number":"{}","taxpayer":"{}","reaction":"{}","after_ms":0}}]}})", blue.number,
                  blue.buyer.id, reaction));
  EXPECT_TRUE(ok) << (ok ? "" : ok.error().detail);
}

Stand::Judgement Whole::judge(const std::string& one_more) {
  if (std::ranges::find(promised_, one_more) == promised_.end()) promised_.push_back(one_more);
  auto judged = stand_->judge(promised_);
  EXPECT_TRUE(judged) << (judged ? "" : judged.error().id + " " + judged.error().detail);
  return judged.value_or(Stand::Judgement{-1, -1, "no judgement"});
}

namespace {
std::string_view text(const boost::json::value& object, const char* name) {
  const auto* member = object.as_object().if_contains(name);
  return member != nullptr && member->is_string() ? std::string_view(member->get_string()) : std::string_view();
}
}  // namespace

int Whole::documents_on(const Invoice& blue) {
  auto log = stand_->control("GET", "/log");
  if (!log) return -1;
  int count = 0;
  const auto value = boost::json::parse(*log);
  for (const auto& effect : value.at("effects").as_array())
    if (text(effect, "effect") == "form_created" && text(effect, "blue_number") == blue.number) ++count;
  return count;
}

bool eventually(const std::function<bool()>& f, std::chrono::milliseconds within) {
  const auto until = std::chrono::steady_clock::now() + within;
  for (; !f(); std::this_thread::sleep_for(std::chrono::milliseconds(20)))
    if (std::chrono::steady_clock::now() >= until) return false;
  return true;
}

Result<api::v1::Submission> submit_until_answered(Stand& stand, const api::v1::SubmissionRequest& request,
                                                  std::chrono::milliseconds within) {
  const auto until = std::chrono::steady_clock::now() + within;
  for (;;) {
    auto answer = stand.submit(request);
    const bool asked_again =
        !answer && (answer.error().code == Errc::retry_later || answer.error().code == Errc::outcome_unknown);
    if (!asked_again || std::chrono::steady_clock::now() >= until || !stand.taxgated().running()) return answer;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace taxgate::tests
