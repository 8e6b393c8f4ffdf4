// Invented companies and people. Nobody real has an organisation code that begins with TGDM.
#include <fmt/format.h>

#include "protocol/identifiers.h"
#include "simulator/sample/sample.h"

namespace taxgate::sample {
namespace {

// Numbers 1–99 belong to the sample file.
constexpr int kFirstTaxpayer = 1001, kFirstPlant = 1101;

std::string device_number(int number) { return fmt::format("9900{:08d}", number); }

}  // namespace

std::string invented_id(std::string_view region, int number) {
  std::string organisation = fmt::format("TGDM{:04d}", number);
  organisation += organisation_check(organisation);
  std::string id = fmt::format("91{}{}", region, organisation);
  return id + credit_code_check(id);
}

std::vector<SampleTaxpayer> three_taxpayers() {
  return {
      {{invented_id("310115", kFirstTaxpayer), "泰格示例制造(上海)有限公司"}, device_number(kFirstTaxpayer)},
      {{invented_id("320106", kFirstTaxpayer + 1), "泰格示例商贸(南京)有限公司"}, device_number(kFirstTaxpayer + 1)},
      {{invented_id("440305", kFirstTaxpayer + 2), "泰格示例信息服务(深圳)有限公司"},
       device_number(kFirstTaxpayer + 2)}};
}

std::vector<SampleTaxpayer> group_plants() {
  static constexpr const char* kRegions[] = {"310115", "320106", "330106", "340200", "350203", "360102",
                                             "370202", "410105", "420106", "430104", "500112", "510104"};
  std::vector<SampleTaxpayer> out;
  for (int i = 0; i < 12; ++i)
    out.push_back({{invented_id(kRegions[i], kFirstPlant + i), fmt::format("泰格示例集团第{}工厂有限公司", i + 1)},
                   device_number(kFirstPlant + i)});
  return out;
}

std::vector<std::string> group_stores() {
  std::vector<std::string> out;
  for (int i = 1; i <= 300; ++i) out.push_back(fmt::format("门店 {:03d}", i));
  return out;
}

}  // namespace taxgate::sample
