// The operator's matching file: what fits, what does not, and how a mistake in it is named.
#include "drivers/usb/device_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace taxgate::usb {
namespace {

UsbFacts device(std::uint16_t vendor, std::uint16_t product, std::string manufacturer = {}, std::string name = {}) {
  UsbFacts facts;
  facts.vendor = vendor;
  facts.product = product;
  facts.manufacturer = std::move(manufacturer);
  facts.product_name = std::move(name);
  return facts;
}

std::string trouble(const std::string& row) {
  const auto table = DeviceTable::parse("[[device]]\n" + row, "f.toml");
  return table ? "good" : table.error().id + " " + table.error().field + " " + table.error().left;
}

TEST(UsbDeviceTable, WantsNumbersAndStrings) {
  const auto table = DeviceTable::parse(
      "[[device]]\nname = \"a\"\nvendor = 0x1209\nproduct = 1\nmanufacturer = \"NISEC\"\n"
      "[[device]]\nname = \"b\"\nvendor = 0x2ec9\nproduct = 0x1001\nproduct_name = \"ChinaTax\"\nstrings_required = "
      "true\n"
      "[[device]]\nname = \"c\"\nmanufacturer = \"Aisino\"\n",
      "f.toml");
  ASSERT_TRUE(table) << table.error().id << table.error().left;
  const auto name = [&](const UsbFacts& facts) {
    const auto* row = table->find(facts);
    return row ? row->name : std::string("none");
  };
  EXPECT_EQ(name(device(0x1209, 1, "NISEC")), "a");
  EXPECT_EQ(name(device(0x1209, 1, "\x03NISEC Ltd")), "a") << "a stray byte does not matter";
  EXPECT_EQ(name(device(0x1209, 1)), "a") << "strings that could not be read do not matter here";
  EXPECT_EQ(name(device(0x1209, 1, "Somebody")), "none");
  EXPECT_EQ(name(device(0x1209, 2, "NISEC")), "none");
  EXPECT_EQ(name(device(0x2ec9, 0x1001, "", "ChinaTax SWUKey")), "b");
  EXPECT_EQ(name(device(0x2ec9, 0x1001, "", "Bank key")), "none");
  EXPECT_EQ(name(device(0x2ec9, 0x1001)), "none") << "here a string that could not be read does";
  EXPECT_EQ(name(device(1, 1, "Aisino")), "c");
  EXPECT_EQ(name(device(1, 1)), "none") << "without numbers the string is all there is";
}

TEST(UsbDeviceTable, TakesQuirksAsData) {
  const auto table = DeviceTable::parse(
      "[[device]]\nvendor = 1\nproduct = 2\nnot_ready_retries = 5\nnot_ready_pause_ms = 7\nstatus_first = true\n"
      "zero_data_length = true\nmax_transfer = 1024\ntimeout_ms = 900\nsend_cdb = \"fe0100\"\nreceive_cdb = \"FE02\"\n"
      "inquiry_vendor = \"V\"\ninquiry_product = \"P\"\n"
      "use = false\n",
      "f.toml");
  ASSERT_TRUE(table);
  const DeviceRow& row = table->rows().front();
  Quirks wanted;
  wanted.not_ready_retries = 5;
  wanted.not_ready_pause = std::chrono::milliseconds(7);
  wanted.status_first = wanted.zero_data_length = true;
  wanted.max_transfer = 1024;
  wanted.timeout = std::chrono::milliseconds(900);
  wanted.inquiry_vendor = "V";
  wanted.inquiry_product = "P";
  wanted.send_cdb = {0xFE, 0x01, 0x00};
  wanted.receive_cdb = {0xFE, 0x02};
  EXPECT_EQ(row.quirks, wanted);
  EXPECT_FALSE(row.use);
}

TEST(UsbDeviceTable, NamesFileLineAndKeyOfAMistake) {
  EXPECT_EQ(trouble("vendor = 1\nproduct = 2\n"), "good");
  EXPECT_EQ(trouble("vendor = 1\nprodcut = 2\n"), "keyd.config_unknown device[0].prodcut f.toml:3");
  EXPECT_EQ(trouble("vendor = 1\nproduct = 0x10000\n"), "keyd.config_value device[0].product f.toml:3");
  EXPECT_EQ(trouble("vendor = \"1\"\nproduct = 2\n"), "keyd.config_type device[0].vendor f.toml:2");
  EXPECT_EQ(trouble("vendor = 1\n"), "keyd.config_value device[0].vendor f.toml:1") << "would fit all of a vendor's";
  EXPECT_EQ(trouble("vendor = 1\nproduct = 2\nsend_cdb = \"xy\"\n"), "keyd.config_value device[0].send_cdb f.toml:4");
  EXPECT_EQ(DeviceTable::parse("devices = 1\n", "f.toml").error().id, "keyd.config_unknown");
  EXPECT_EQ(DeviceTable::parse("device = 1\n", "f.toml").error().id, "keyd.config_type");
  EXPECT_EQ(DeviceTable::parse("[[device\n", "f.toml").error().id, "keyd.config_syntax");
  EXPECT_EQ(DeviceTable::load("/no/such/file.toml").error().id, "keyd.config_file");
}

TEST(UsbDeviceTable, TheExampleOfThePageIsGoodAndSaysTheDefaults) {
  std::ostringstream page;
  page << std::ifstream(std::string(TAXGATE_SOURCE_DIR) + "/docs/usb.md").rdbuf();
  const std::string text = page.str(), mark = "```usb-devices\n";
  const auto from = text.find(mark);
  ASSERT_NE(from, std::string::npos);
  const auto table = DeviceTable::parse(
      text.substr(from + mark.size(), text.find("```", from + 3) - from - mark.size()), "docs/usb.md");
  ASSERT_TRUE(table) << table.error().id << " " << table.error().left;
  ASSERT_EQ(table->rows().size(), 1U);
  EXPECT_EQ(table->rows().front().quirks, Quirks{});
  EXPECT_TRUE(table->rows().front().use);
}

TEST(UsbDeviceTable, TheShippedFileIsGoodAndOpensNoTaxDisk) {
  const auto table = DeviceTable::load(std::string(TAXGATE_SOURCE_DIR) + "/udev/usb-devices.toml");
  ASSERT_TRUE(table) << table.error().id << " " << table.error().left;
  EXPECT_GE(table->rows().size(), 10U);
  const auto* ukey = table->find(device(0x14d6, 0xa002, "", "ChinaTax SWUKey"));
  ASSERT_TRUE(ukey);
  EXPECT_TRUE(ukey->use);
  const auto* disk = table->find(device(0x1432, 0x07dc, "NISEC"));
  ASSERT_TRUE(disk);
  EXPECT_FALSE(disk->use);
  EXPECT_EQ(table->find(device(0x2ec9, 0x1001)), nullptr);
  EXPECT_EQ(table->find(device(0x0781, 0x5567, "SanDisk", "Cruzer Blade")), nullptr) << "a stick is left alone";
}

}  // namespace
}  // namespace taxgate::usb
