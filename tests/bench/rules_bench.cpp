// How many checks a second one core does: judge() on whole documents, decide() on wishes, over invoices of one to eight
// lines, one in eight lines with a discount row, a third of the invoices with an earlier red. Every verdict is compared
// with the one known beforehand. Goal: 1,000,000 checks a second.
#include <time.h>

#include <memory>
#include <random>

#include "daemon/rules/rules.h"
#include "tests/bench/program.h"

namespace taxgate::bench {
namespace {

using namespace rules;

struct Case {
  std::unique_ptr<Invoice> blue;  // the state borrows it
  BlueState state;
  Wish wish;
  RedDocument red;
  Answer answer = Answer::allowed;
};

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  /// Nothing to be found: an allowance, or a return of no more than a tenth, below 50,000, that nobody must confirm.
  Case quiet() {
    Case out;
    out.blue = std::make_unique<Invoice>(invoice());
    out.state.blue = out.blue.get();
    Wish first = part(*out.blue, between(0, 1) == 0 ? Reason::allowance : Reason::goods_returned);
    if (between(0, 2) == 0) {
      out.state.reds.push_back(made(out, first));
      first.reason = Reason::allowance;  // a second return would pass the tenth
      for (LineWish& l : first.lines)
        l = {.blue_line = l.blue_line, .quantity = {}, .amount = Fen{between(1, 500)}, .total = {}};
    }
    out.wish = first;
    out.red = made(out, out.wish);
    return out;
  }

  /// One in four must be confirmed, one in four approved, one in eight is refused.
  Case busy(int i) {
    Case out = quiet();
    if (i % 4 == 1) {
      out.blue->booking = "02";
      out.answer = Answer::counterparty_must_confirm;
    } else if (i % 4 == 2) {
      out.state.reds.clear();
      out.wish = {.initiator = Side::seller, .reason = Reason::goods_returned, .lines = {}, .tax_device = {}};
      out.red = made(out, out.wish);
      out.answer = Answer::needs_approval;
    } else if (i % 8 == 3) {
      out.red.lines.front().tax = out.red.lines.front().tax - Fen{10'000'000};
      out.answer = Answer::refused;
    }
    return out;
  }

 private:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }

  Invoice invoice() {
    Invoice out;
    out.number = fmt::format("269900{:014d}", ++number_);
    out.type = between(0, 2) == 0 ? "82" : "81";
    out.issued_at = *LegalTime::parse("2026-11-03 09:30:00");
    out.seller = {"91310115TGDM00011U", "示例销售有限公司"};
    out.buyer = {"91420106TGDM00214A", "示例购买方科技有限公司"};
    out.status = "0";
    out.use = "0";
    out.booking = "01";
    const auto lines = between(1, 8);
    for (int n = 1; static_cast<int>(out.lines.size()) < lines; ++n) {
      out.lines.push_back(line(n));
      if (between(0, 7) != 0) continue;
      InvoiceLine row = out.lines.back();
      out.lines.back().kind = LineKind::discounted;
      row.number = ++n;
      row.kind = LineKind::discount;
      row.quantity.reset();
      row.price.reset();
      row.amount = Fen{-row.amount.value / 50};
      row.tax = *row.rate.times(row.amount);
      out.lines.push_back(row);
    }
    for (const InvoiceLine& l : out.lines) {
      out.amount += l.amount;
      out.tax += l.tax;
    }
    return out;
  }

  InvoiceLine line(int number) {
    static constexpr const char* kRates[] = {"0.13", "0.13", "0.13", "0.09", "0.06", "0.03", "0.01", "0"};
    InvoiceLine out;
    out.number = number;
    out.tax_code = "1090131050000000000";
    out.name = "*制冷空调设备*变频空调";
    out.spec = "KFR-35GW";
    out.unit = "台";
    out.quantity =
        *Decimal::divide(Decimal::from_int(between(200, 500)), Decimal::from_int(between(0, 3) == 0 ? 8 : 1), 3);
    out.price =
        *Decimal::divide(Decimal::from_int(between(1000, 10'000)), Decimal::from_int(113), between(0, 1) == 0 ? 8 : 2);
    out.amount = *out.quantity->times(*out.price);
    out.rate = *Decimal::parse(kRates[between(0, 7)]);
    out.tax = *out.rate.times(out.amount);
    return out;
  }

  Wish part(const Invoice& blue, Reason reason) {
    Wish out{.initiator = Side::seller, .reason = reason, .lines = {}, .tax_device = {}};
    for (const InvoiceLine& l : blue.lines) {
      if (l.kind == LineKind::discount || (!out.lines.empty() && between(0, 2) == 0)) continue;
      LineWish wish{.blue_line = l.number, .quantity = {}, .amount = {}, .total = {}};
      if (reason == Reason::allowance)
        wish.amount = Fen{between(1, std::min<std::int64_t>(l.amount.value / 20, 500'000))};
      else
        wish.quantity = *Decimal::divide(*l.quantity, Decimal::from_int(between(10, 90)), 0);
      if (wish.quantity &&
          (wish.quantity->is_zero() || *wish.quantity > *Decimal::divide(*l.quantity, Decimal::from_int(10), 6)))
        wish.quantity = Decimal::from_int(1);
      out.lines.push_back(wish);
    }
    return out;
  }

  RedDocument made(const Case& c, const Wish& wish) {
    auto red = derive(c.state, wish);
    if (!red) throw std::runtime_error("bench input: " + red.error().front().id);
    return std::move(*red);
  }

  std::mt19937_64 random_;
  int number_ = 0;
};

/// This thread's own processor time: on a shared machine the only second that is a core's.
double core_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  constexpr double kNano = 1e-9;
  return static_cast<double>(now.tv_sec) + kNano * static_cast<double>(now.tv_nsec);
}

template <class Work>
Row measured(std::string variant, const std::vector<Case>& cases, int rounds, int passes, Work work) {
  Row row;
  row.bench = "rules";
  row.variant = std::move(variant);
  row.unit = "checks a second and core";
  std::size_t lines = 0;
  for (const Case& c : cases) lines += c.red.lines.size();
  for (int round = 0; round <= rounds; ++round) {  // the first one warms up
    const auto start = Clock::now();
    const double core = core_seconds();
    std::uint64_t right = 0;
    for (int pass = 0; pass < passes; ++pass)
      for (const Case& c : cases) right += work(c) == c.answer ? 1U : 0U;
    const double used = core_seconds() - core, seconds = seconds_since(start);
    const auto all = static_cast<std::uint64_t>(passes) * cases.size();
    if (right != all)
      throw std::runtime_error(fmt::format("{}: {} of {} verdicts are wrong", row.variant, all - right, all));
    if (round == 0) continue;
    row.of_rounds.push_back(static_cast<double>(all) / used);
    row.cpu_seconds += used;
    row.seconds += seconds;
    row.checked += right;
  }
  row.per_second = row.middle();
  row.rss_mb = rss_mb(::getpid());
  row.parameters = fmt::format("{{\"invoices\":{},\"lines_per_red\":{:.2f}}}", cases.size(),
                               static_cast<double>(lines) / static_cast<double>(cases.size()));
  return row;
}

void run(bool json, int rounds, int passes) {
  constexpr int kInvoices = 256;  // a check reads what was just parsed: about what a core's own cache holds
  Maker maker(20'261'122);
  std::vector<Case> quiet, busy;
  for (int i = 0; i < kInvoices; ++i) {
    quiet.push_back(maker.quiet());
    busy.push_back(maker.busy(i));
  }
  // Answers that were not put in beforehand (a return above a tenth) are refused above; the tables stay the
  // compiled-in.
  std::vector<BlueState> states;
  const auto judged = [](const Case& c) { return judge(c.state, c.red).answer; };
  const auto decided = [](const Case& c) { return decide(c.state, c.wish).verdict.answer; };
  const std::vector<Row> rows{measured("judge, nothing found", quiet, rounds, passes, judged),
                              measured("judge, mixed", busy, rounds, passes, judged),
                              measured("decide, nothing found", quiet, rounds, std::max(1, passes / 5), decided)};
  for (const Row& row : rows) {
    if (json)
      row.print_json();
    else
      fmt::print("{:<24} {:>10.0f} a second and core ({:.0f}-{:.0f}), {}\n", row.variant, row.per_second, row.least(),
                 row.most(), row.parameters);
  }
  if (!json) fmt::print("goal: 1000000 checks (judge) a second and core\n");
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  int rounds = 7, passes = 800;
  taxgate::bench::Program program("rules", "checks of whole documents and decisions on wishes, a second and core");
  program.number("--rounds", rounds, 1, 1000, "rounds of each variant")
      .number("--passes", passes, 1, 1'000'000, "times over the 256 invoices in a round");
  return program.run(argc, argv, [&](bool json) { taxgate::bench::run(json, rounds, passes); });
}
