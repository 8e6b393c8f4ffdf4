#pragma once
// What the invented companies sell. Private to simulator/sample.
#include <string>
#include <vector>

#include "protocol/decimal.h"

namespace taxgate::sample {

struct Goods {
  std::string tax_code, name, spec, unit, rate, preference;
  bool service = false;                            // first digit 3: 03 服务中止, never 02 销货退回
  int low = 1, high = 1;                           // quantity
  std::int64_t cheapest_fen = 0, dearest_fen = 0;  // price of one, tax included
};

const std::vector<Goods>& goods_at(const std::string& rate);

}  // namespace taxgate::sample
