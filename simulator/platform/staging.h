#pragma once
// What the laboratory tells the platform before and during a run, read from JSON. Pure; any thread.
// All errors are invalid_input sim.seed with the path of the offending member in `field`.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/platform/world.h"

namespace taxgate::simulator {

struct Seed {
  std::vector<Taxpayer> taxpayers;
  std::vector<Invoice> invoices;
  std::optional<Behaviour> behaviour;  // the default for taxpayers without one
};
/// {"taxpayers":[{"id","name","normal","behaviour":{…}}], "invoices":[…], "behaviour":{…}} or a bare array of invoices.
/// An invoice is in the local API's form (api.v1.Invoice) or in the compact form of the sample data ("xf", "gf", "mx",
/// …; names then come from the taxpayers, else they stay open and are not compared).
Result<Seed> read_seed(std::string_view json);

/// {"blue_number","taxpayer","reaction":"confirm|deny|silent","after_ms"} (all but reaction optional), or
/// {"rules":[…]}.
Result<std::vector<CounterpartyRule>> read_counterparty_rules(std::string_view json);

/// A form somebody else raises.
struct ForeignForm {
  std::string blue_number;
  Side initiator = Side::buyer;
  Reason reason = Reason::goods_returned;
  Origin origin = Origin::counterparty;  // "stranger": true
  bool protection = true;
  struct Line {
    int line = 0;
    std::optional<Decimal> quantity, price;
    Fen amount, tax;
  };
  std::vector<Line> lines;  // empty: everything that is left
};
Result<ForeignForm> read_foreign_form(std::string_view json);
/// The red document of `form` with `lines`, on `invoice`. errors  sim.seed (no such line)
Result<RedDocument> red_of(const ForeignForm& form, const Invoice& invoice);

}  // namespace taxgate::simulator
