#pragma once
// The ledger's blue invoices, one for each request a load client will make, straight into the file before a daemon
// serves it. Header only. Thread: one.
#include <future>

#include "daemon/store/store.h"
#include "tests/bench/measure.h"
#include "tests/bench/red_input.h"

namespace taxgate::bench {

inline void fill_ledger(store::Store& store, std::uint64_t wanted, const std::vector<sample::SampleTaxpayer>& sellers,
                        LegalTime now) {
  const LegalTime issued_at = now.plus_ms(-48 * LegalTime::kHourMs);
  constexpr std::uint64_t kAtOnce = 5'000;
  for (std::uint64_t from = 0; from < wanted; from += kAtOnce) {
    std::vector<Invoice> page;
    for (std::uint64_t i = from; i < std::min(from + kAtOnce, wanted); ++i)
      page.push_back(blue_invoice(i, sellers, issued_at));
    std::promise<Result<store::Store::ImportCounts>> done;
    auto result = done.get_future();
    store.import_invoices(std::move(page), {"bench", {"operator"}, {}},
                          [&](auto outcome) { done.set_value(std::move(outcome)); });
    take(result.get(), "import");
  }
}

}  // namespace taxgate::bench
