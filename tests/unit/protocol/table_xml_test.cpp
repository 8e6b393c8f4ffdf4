#include "protocol/table_xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

namespace taxgate::table {
namespace {

Decimal dec(std::string_view text) { return *Decimal::parse(text); }
Fen fen(std::string_view text) { return *Fen::parse(text); }

RedDocument steel(std::string memo = "0000000100") {
  RedDocument red;
  red.track = Track::information_table;
  red.table_memo = memo;
  red.initiator = memo == "0000000100" ? Side::seller : Side::buyer;
  red.tax_device = "661234567890";
  red.request_number = "661234567890261122101952";
  if (memo != "1100000000") {
    red.blue_number = "990024113000000009";
    red.blue_type = "01";
    red.blue_issued_at = *LegalTime::parse("2024-06-01");
  }
  red.seller = {"91320214TGDM00097H", "锡山<钢>构&有限公司"};
  red.buyer = {"91320213TGDM0029XJ", "梁溪建设—集团"};
  red.lines = {{.blue_line = 0,
                .tax_code = "1080401010000000000",
                .name = "*金属制品*钢结构件",
                .spec = "Q235",
                .unit = "吨",
                .quantity = dec("-2.5"),
                .price = dec("6800"),
                .amount = fen("-17000.00"),
                .rate = dec("0.13"),
                .tax = fen("-2210.00"),
                .preference = ""}};
  red.amount = fen("-17000.00");
  red.tax = fen("-2210.00");
  return red;
}

TEST(TableXml, IsGbkAndSaysSo) {
  auto xml = upload_xml(steel());
  ASSERT_TRUE(xml) << xml.error().id << xml.error().field;
  const std::string text(as_text(*xml));
  EXPECT_EQ(text.rfind("<?xml version=\"1.0\" encoding=\"GBK\"?>", 0), 0u) << text.substr(0, 60);
  // 钢 is B8D6 in GBK (GB 2312 row 24, cell 54); its UTF-8 form must not appear.
  EXPECT_NE(text.find("\xB8\xD6"), std::string::npos);
  EXPECT_EQ(text.find("钢"), std::string::npos);
  EXPECT_NE(text.find("<FPXT><INPUT><RedInvReqBill>"), std::string::npos);
  EXPECT_NE(text.find("<ReqBillNo>661234567890261122101952</ReqBillNo>"), std::string::npos);
  EXPECT_NE(text.find("<TypeCode>9900241130</TypeCode><InvNo>00000009</InvNo><Kprq>202406</Kprq>"), std::string::npos)
      << text;
  EXPECT_NE(text.find("<Date>20261122</Date>"), std::string::npos);
}

TEST(TableXml, RoundTripsAllThreeMemos) {
  for (const char* memo : {"0000000100", "1100000000", "1010000000"}) {
    const RedDocument red = steel(memo);
    auto read = read_upload(*upload_xml(red));
    ASSERT_TRUE(read) << read.error().id << " " << read.error().field;
    EXPECT_EQ(*read, red) << memo;
    EXPECT_TRUE(same_table(*read, red));
  }
}

TEST(TableXml, LeavesTheBlueInvoiceBlankOnceTheBuyerDeducted) {
  RedDocument red = steel("1100000000");
  red.blue_number = "990024113000000009";
  red.blue_issued_at = *LegalTime::parse("2024-06-18");
  auto read = read_upload(*upload_xml(red));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->blue_number, "");
  EXPECT_FALSE(read->blue_issued_at.is_set());
  EXPECT_TRUE(same_table(*read, red)) << "what a table cannot carry must not make it a different one";
}

TEST(TableXml, SameTableSeesEveryDifferenceItCarries) {
  const RedDocument red = steel();
  auto differs = [&](auto change) {
    RedDocument other = red;
    change(other);
    return !same_table(red, other);
  };
  EXPECT_TRUE(differs([](RedDocument& r) { r.amount = fen("-17000.01"); }));
  EXPECT_TRUE(differs([](RedDocument& r) { r.tax = fen("-2210.01"); }));
  EXPECT_TRUE(differs([](RedDocument& r) { r.request_number = "661234567890261122101953"; }));
  EXPECT_TRUE(differs([](RedDocument& r) { r.blue_number = "990024113000000010"; }));
  EXPECT_TRUE(differs([](RedDocument& r) { r.table_memo = "1010000000"; }));
  EXPECT_TRUE(differs([](RedDocument& r) { r.seller.id = "91340200TGDM0002XD"; }));
  EXPECT_TRUE(differs([](RedDocument& r) { r.lines[0].quantity = dec("-2.4"); }));
  EXPECT_TRUE(differs([](RedDocument& r) { r.lines.clear(); }));
  EXPECT_FALSE(differs([](RedDocument& r) { r.lines[0].blue_line = 5; }));
  EXPECT_FALSE(differs([](RedDocument& r) { r.reason = Reason::allowance; }));
}

TEST(TableXml, NamesTheFieldAndTheCharacterGbkCannotHold) {
  RedDocument red = steel();
  red.lines[0].name = "*金属制品*钢𠮷结构件";
  auto xml = upload_xml(red);
  ASSERT_FALSE(xml);
  EXPECT_EQ(xml.error().code, Errc::invalid_input);
  EXPECT_EQ(xml.error().id, "table.gbk");
  EXPECT_EQ(xml.error().field, "lines[0].name");
  EXPECT_EQ(xml.error().wanted, "𠮷 (U+20BB7)");

  red = steel();
  red.buyer.name = "é公司\xff";
  EXPECT_EQ(upload_xml(red).error().field, "buyer.name");
}

TEST(TableXml, RefusesFieldsThatWouldNotBeATable) {
  auto field_of = [](auto change) {
    RedDocument red = steel();
    change(red);
    auto xml = upload_xml(red);
    return xml ? std::string("accepted") : xml.error().id + " " + xml.error().field;
  };
  EXPECT_EQ(field_of([](RedDocument& r) { r.track = Track::confirmation_form; }), "table.field track");
  EXPECT_EQ(field_of([](RedDocument& r) { r.table_memo = "1111111111"; }), "table.field table_memo");
  EXPECT_EQ(field_of([](RedDocument& r) { r.tax_device = "66"; }), "table.field tax_device");
  EXPECT_EQ(field_of([](RedDocument& r) { r.request_number = "66"; }), "table.field request_number");
  EXPECT_EQ(field_of([](RedDocument& r) { r.buyer.name = "a\nb"; }), "table.field buyer.name");
}

TEST(TableXml, MarksSeveralRatesAndWhyARateIsZero) {
  RedDocument red = steel();
  red.lines.push_back(red.lines[0]);
  red.lines[1].rate = dec("0");
  red.lines[1].tax = fen("0.00");
  red.lines[1].preference = "03";
  auto xml = upload_xml(red);
  const std::string text(as_text(*xml));
  EXPECT_NE(text.find("<IsMutiRate>1</IsMutiRate>"), std::string::npos);
  EXPECT_NE(text.find("<TaxRate></TaxRate>"), std::string::npos) << text;
  EXPECT_NE(text.find("<LSLBZ>1</LSLBZ>"), std::string::npos);
  EXPECT_EQ(read_upload(*xml)->lines, red.lines);
}

TEST(TableXml, RepliesDownloadsAndCancelsRoundTrip) {
  Row row{"661234567890261122101952", "9900002611000097", "TZD0000", "审核通过", {}};
  auto reply = read_upload_reply(*upload_reply_xml(row));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->request_number, row.request_number);
  EXPECT_EQ(reply->number, row.number);
  EXPECT_EQ(reply->status, row.status);
  EXPECT_EQ(reply->status_text, row.status_text);

  DownloadRequest ask{"91320213TGDM0029XJ",
                      "661234567890",
                      "661234567890261122101952",
                      "9900002611000097",
                      "990024113000000009",
                      "91320213TGDM0029XJ",
                      "91320214TGDM00097H",
                      *LegalTime::parse("2026-11-01"),
                      *LegalTime::parse("2026-11-30"),
                      2,
                      20};
  auto asked = read_download(*download_xml(ask));
  ASSERT_TRUE(asked) << asked.error().field;
  EXPECT_EQ(asked->taxpayer, ask.taxpayer);
  EXPECT_EQ(asked->tax_device, ask.tax_device);
  EXPECT_EQ(asked->request_number, ask.request_number);
  EXPECT_EQ(asked->number, ask.number);
  EXPECT_EQ(asked->blue_number, ask.blue_number);
  EXPECT_EQ(asked->buyer, ask.buyer);
  EXPECT_EQ(asked->seller, ask.seller);
  EXPECT_EQ(asked->from, ask.from);
  EXPECT_EQ(asked->to, ask.to);
  EXPECT_EQ(asked->page, 2);
  EXPECT_EQ(asked->page_size, 20);

  row.red = steel();
  auto rows = read_download_reply(*download_reply_xml({5, {row, row}}));
  ASSERT_TRUE(rows) << rows.error().field;
  EXPECT_EQ(rows->total, 5);
  ASSERT_EQ(rows->rows.size(), 2u);
  EXPECT_EQ(rows->rows[1].red, row.red);
  EXPECT_EQ(rows->rows[1].number, row.number);

  auto cancel = read_cancel(*cancel_xml({"t", "661234567890", "9900002611000097"}));
  ASSERT_TRUE(cancel);
  EXPECT_EQ(cancel->taxpayer + cancel->tax_device + cancel->number, "t6612345678909900002611000097");
}

TEST(TableStatus, KnowsTheAliasAndTreatsUnknownCodesAsNotIssued) {
  EXPECT_EQ(table_class("TZD0000"), TableClass::approved);
  EXPECT_EQ(table_class("TZD1000"), TableClass::approved);
  EXPECT_EQ(table_class("TZD0061"), TableClass::duplicate);
  EXPECT_EQ(table_class("TZD0071"), TableClass::pending);
  EXPECT_EQ(table_class("TZD0074"), TableClass::written_off);
  EXPECT_EQ(table_class("TZD0082"), TableClass::cancelled);
  EXPECT_EQ(table_class("TZD0083"), TableClass::cancelled);
  EXPECT_EQ(table_class("TZD0100"), TableClass::exceeds_blue);
  EXPECT_EQ(table_class("TZD0500"), TableClass::not_uploaded);
  EXPECT_EQ(table_class("TZD0999"), TableClass::unknown);
  EXPECT_EQ(table_status("TZD0999"), nullptr);
}

TEST(Gbk, AgreesWithTheStandardsCodePoints) {
  // GB 2312: 票 row 38 cell 17, 红 row 26 cell 76; each + A0A0.
  EXPECT_EQ(hex(*to_gbk("票红", "f")), "c6b1baec");
  EXPECT_EQ(*from_gbk(*from_hex("c6b1baec"), "f"), "票红");
  EXPECT_EQ(*from_gbk(*to_gbk("镕囧堃喆", "f"), "f"), "镕囧堃喆") << "names beyond GB 2312";
  EXPECT_EQ(from_gbk(*from_hex("c6"), "f").error().id, "table.gbk_bytes");
  EXPECT_EQ(from_gbk(*from_hex("ffff"), "f").error().id, "table.gbk_bytes");
  EXPECT_EQ(*to_gbk("", "f"), Bytes{});
}

void read_everything(ByteView bytes) {
  (void)read_upload(bytes);
  (void)read_upload_reply(bytes);
  (void)read_download(bytes);
  (void)read_download_reply(bytes);
  (void)read_cancel(bytes);
}

TEST(TableHostileBytes, NeverBreakAParser) {
  const std::uint64_t seed = 20261122;
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  Row row{"661234567890261122101952", "9900002611000097", "TZD0000", "审核通过", steel()};
  const std::vector<Bytes> seeds{*upload_xml(steel()), *upload_reply_xml(row), *download_reply_xml({1, {row}}),
                                 *cancel_xml({"t", "d", "n"})};
  for (int round = 0; round < 4000; ++round) {
    Bytes bytes = seeds[random() % seeds.size()];
    for (int k = 0; k < 1 + static_cast<int>(random() % 4); ++k)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    read_everything(bytes);
  }
  std::string deep = "<FPXT><INPUT>";
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  read_everything(as_bytes(deep));
  EXPECT_EQ(read_upload(as_bytes("<a/>")).error().id, "table.xml");
  EXPECT_EQ(read_upload(as_bytes("")).error().id, "table.xml");
}

TEST(TableHostileBytes, TheFuzzCorpusIsReadWithoutHarm) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(TAXGATE_SOURCE_DIR) + "/tests/fuzz/corpus/table_xml")) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    read_everything(as_bytes(text.view()));
    ++files;
  }
  EXPECT_GE(files, 5);
}

}  // namespace
}  // namespace taxgate::table
