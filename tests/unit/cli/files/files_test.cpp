// A person's file of submissions: CSV in three codings, xlsx, JSON lines; what is wrong of it is told by row and
// column.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iconv.h>

#include "cli/files/submissions.h"
#include "cli/files/table.h"
#include "cli/files/zip.h"

namespace taxgate::files {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kChinese =
    "销售方纳税人识别号,原蓝字发票号码,原因,行号,数量,订单\r\n"
    "91310115TGDM00011U,26990000000000000001,销货退回,1,150,水泥\r\n";

std::string gb18030(std::string_view utf8) {
  const iconv_t handle = iconv_open("GB18030", "UTF-8");
  std::string out(utf8.size() * 2, '\0');
  char *from = const_cast<char*>(utf8.data()), *to = out.data();
  std::size_t left = utf8.size(), room = out.size();
  EXPECT_NE(iconv(handle, &from, &left, &to, &room), static_cast<std::size_t>(-1));
  iconv_close(handle);
  out.resize(out.size() - room);
  return out;
}

std::string sheet_xml(std::string_view rows) {
  return "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>" +
         std::string(rows) + "</sheetData></worksheet>";
}
std::string workbook(std::string_view rows, std::string_view strings = {}) {
  return zip({{"xl/worksheets/sheet1.xml", sheet_xml(rows)}, {"xl/sharedStrings.xml", std::string(strings)}});
}

void expect_the_chinese_row(std::string_view bytes) {
  const auto entries = read_submissions(bytes);
  ASSERT_TRUE(entries) << entries.error().id;
  ASSERT_EQ(entries->size(), 1U);
  const auto& entry = entries->front();
  ASSERT_TRUE(entry.request) << entry.faults.front().id;
  EXPECT_EQ(entry.row, 2);
  EXPECT_EQ(entry.request->seller(), "91310115TGDM00011U");
  EXPECT_EQ(entry.request->blue_number(), "26990000000000000001");
  EXPECT_EQ(entry.request->reason(), "销货退回");
  ASSERT_EQ(entry.request->lines_size(), 1);
  EXPECT_EQ(entry.request->lines(0).blue_line(), 1);
  EXPECT_EQ(entry.request->lines(0).quantity(), "150");
  EXPECT_EQ(entry.request->context().order(), "水泥");
}

TEST(Files, ReadsOneTableInUtf8WithAndWithoutBomInGb18030AndAsAWorkbook) {
  expect_the_chinese_row(kChinese);
  expect_the_chinese_row("\xEF\xBB\xBF" + std::string(kChinese));
  expect_the_chinese_row(gb18030(kChinese));
  TextRows rows{{"91310115TGDM00011U", "26990000000000000001", "销货退回", "1", "150", "水泥"}};
  expect_the_chinese_row(
      write_xlsx({{"seller"}, {"blue_number"}, {"红冲原因"}, {"行号"}, {"数量", true}, {"订单"}}, rows));
}

TEST(Files, ANumberInScientificNotationIsRefusedWithRowAndColumnAndTheOthersGoOn) {
  const std::string_view csv = "seller,blue_number,reason\nS,2.699E+19,02\nS,26990000000000000001,2\n";
  const auto entries = read_submissions(csv);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 2U);
  ASSERT_EQ((*entries)[0].faults.size(), 1U);
  EXPECT_FALSE((*entries)[0].request);
  EXPECT_EQ((*entries)[0].faults[0].id, "files.scientific");
  EXPECT_EQ((*entries)[0].faults[0].field, "row 2, column B");
  EXPECT_EQ((*entries)[0].faults[0].wanted, "2.699E+19");
  ASSERT_TRUE((*entries)[1].request);
  EXPECT_EQ((*entries)[1].request->reason(), "02") << "a spreadsheet drops the zero";

  const auto sheet = read_submissions(workbook(
      R"(<row r="1"><c r="A1" t="inlineStr"><is><t>blue_number</t></is></c><c r="B1" t="s"><v>0</v></c></row>)"
      R"(<row r="7"><c r="A7"><v>2.699E+19</v></c></row><row r="8"><c r="A8"><v>26990000000000000001</v></c></row>)"
      R"(<row r="9"><c r="A9" t="str"><v>26990000000000000001</v></c><c r="B9"><v>2</v></c></row>)",
      "<sst><si><r><t>rea</t></r><r><t>son</t></r></si></sst>"));
  ASSERT_TRUE(sheet) << sheet.error().id;
  ASSERT_EQ(sheet->size(), 3U);
  EXPECT_EQ((*sheet)[0].faults[0].id, "files.scientific");
  EXPECT_EQ((*sheet)[0].faults[0].field, "row 7, column A");
  EXPECT_EQ((*sheet)[1].faults[0].id, "files.lost_digits");
  ASSERT_TRUE((*sheet)[2].request);
  EXPECT_EQ((*sheet)[2].request->reason(), "02");

  const auto json = read_submissions("{\"blue_number\":\"2.699E+19\"}\n{\"seller\":7}\n{\"seller\":\"S\"}\n");
  ASSERT_TRUE(json);
  ASSERT_EQ(json->size(), 3U);
  EXPECT_EQ((*json)[0].faults[0].id, "files.scientific");
  EXPECT_THAT((*json)[1].faults[0].field, HasSubstr("row 2: seller"));
  EXPECT_EQ((*json)[2].request->seller(), "S");
}

TEST(Files, AQuantityWithoutItsLineIsRefusedBecauseItWouldBeAFullRed) {
  const auto entries = read_submissions("blue_number,reason,quantity\n26990000000000000001,02,3\n");
  ASSERT_TRUE(entries);
  EXPECT_EQ((*entries)[0].faults.at(0).id, "files.no_line");
  const auto misspelt = read_submissions("blue_number,reason,quantitiy\n26990000000000000001,02,3\n");
  ASSERT_FALSE(misspelt);
  EXPECT_EQ(misspelt.error().id, "files.column_unknown");
  EXPECT_EQ(misspelt.error().field, "row 1, column C");
  EXPECT_EQ(read_submissions("reason\n02\n").error().id, "files.column_missing");
  EXPECT_EQ(read_submissions("reason,blue_number,原因\n").error().id, "files.column_twice");
  EXPECT_EQ(read_submissions("").error().id, "files.empty");
  EXPECT_EQ(read_submissions("\xFF\xFE,").error().id, "files.utf16");
  EXPECT_EQ(read_submissions("[{\"seller\":\"S\"}]").error().id, "files.json_array");
  EXPECT_EQ(read_submissions("\xD0\xCF\x11\xE0").error().id, "files.old_xls");
  EXPECT_EQ(read_submissions("PK\x03\x04 not a workbook").error().id, "files.xlsx");
}

TEST(Files, RowsOfOneGroupAreTheLinesOfOneSubmission) {
  const auto entries = read_submissions(
      "group,blue_number,reason,line,quantity\nA,26990000000000000001,02,1,3\nA,26990000000000000001,02,2,\"1,000\"\n"
      "B,26990000000000000002,02,,\nA,26990000000000000001,02,1,1\n");
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 3U);
  ASSERT_TRUE((*entries)[0].request);
  ASSERT_EQ((*entries)[0].request->lines_size(), 2);
  EXPECT_EQ((*entries)[0].request->lines(1).quantity(), "1000");
  EXPECT_EQ((*entries)[1].request->lines_size(), 0);
  EXPECT_EQ((*entries)[2].row, 5);
  const auto mixed =
      read_submissions("group,blue_number,reason\nA,26990000000000000001,02\nA,26990000000000000002,02\n");
  EXPECT_EQ((*mixed)[0].faults.at(0).id, "files.group");
}

TEST(Files, AHeadingWithoutRowsIsNoFileOfWhichAllIsAllowed) {
  const auto heading = read_submissions("seller,blue_number,reason\n");
  ASSERT_FALSE(heading);
  EXPECT_EQ(heading.error().id, "files.empty");
}

TEST(Files, ARowOfAGroupNeverChangesWhatItsFirstRowSaid) {
  const std::string head = "group,blue_number,reason,line,quantity,evidence\nA,26990000000000000001,02,1,3,slip.pdf\n";
  const auto faults = [&](const std::string& row) {
    const auto entries = read_submissions(head + row);
    return entries && entries->size() == 1 && !entries->front().faults.empty() ? entries->front().faults.front().id
                                                                               : std::string();
  };
  EXPECT_EQ(faults("A,,,2,1,\n"), "") << "left empty it is what the first row said";
  EXPECT_EQ(faults("A,26990000000000000001,02,2,1,slip.pdf\n"), "");
  EXPECT_EQ(faults("A,26990000000000000001,04,2,1,\n"), "files.group") << "the last reason would win unseen";
  EXPECT_EQ(faults("A,26990000000000000002,02,2,1,\n"), "files.group");
  EXPECT_EQ(faults("A,26990000000000000001,02,,,\n"), "files.group") << "a red of all that is left is no line of it";
  const auto whole = read_submissions("group,blue_number,reason,line,quantity\nA,1,02,,\nA,1,02,2,1\n");
  EXPECT_EQ((*whole)[0].faults.at(0).id, "files.group") << "the whole would have become a part";
  const auto papers = read_submissions(head + "A,,,2,1,slip.pdf; report.pdf\n");
  ASSERT_TRUE((*papers)[0].request);
  EXPECT_EQ((*papers)[0].request->evidence_size(), 2) << "each paper once";
}

TEST(Files, ALineThatIsNeitherCodingIsAtFaultAloneAndAnOpenQuoteSwallowsNothing) {
  const auto entries = read_submissions(
      "blue_number,reason,order\n26990000000000000001,02,水泥\n26990000000000000002,02,\xFF\xFF\n"
      "26990000000000000003,\"02\n26990000000000000004,02,\"a\"\"b\nc\"\n26990000000000000005,02,\n");
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 5U);
  EXPECT_EQ((*entries)[0].request->context().order(), "水泥");
  EXPECT_EQ((*entries)[1].faults.at(0).id, "files.encoding");
  EXPECT_EQ((*entries)[1].faults.at(0).field, "row 3, column C");
  EXPECT_EQ((*entries)[2].row, 4);
}

TEST(Files, WhatIsWrittenForASpreadsheetIsReadBackWithEveryDigit) {
  const std::vector<Column> columns{{"blue_number"}, {"reason"}, {"order"}, {"line"}, {"amount", true}};
  const TextRows rows{{"26990000000000000001", "02", "=cmd|' /C calc'!A0", "1", "35000.12"},
                      {"26990000000000000002", "01", "a,\"b\"<&>", "2", "0.01"}};
  const std::string csv = write_csv(columns, rows);
  EXPECT_TRUE(csv.starts_with("\xEF\xBB\xBF"));
  EXPECT_THAT(csv, HasSubstr("\"=\"\"26990000000000000001\"\"\""));
  EXPECT_THAT(csv, HasSubstr("'=cmd"));
  for (const std::string& bytes : {csv, write_xlsx(columns, rows)}) {
    const auto entries = read_submissions(bytes);
    ASSERT_TRUE(entries) << entries.error().id;
    ASSERT_EQ(entries->size(), 2U);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto& request = (*entries)[i].request;
      ASSERT_TRUE(request) << (*entries)[i].faults.front().id;
      EXPECT_EQ(request->blue_number(), rows[i][0]);
      EXPECT_EQ(request->reason(), rows[i][1]);
      EXPECT_EQ(request->context().order(), rows[i][2]);
      EXPECT_EQ(request->lines(0).amount(), rows[i][4]);
    }
  }
  EXPECT_EQ(write_xlsx(columns, rows), write_xlsx(columns, rows));
}

TEST(Files, ADecimalOfASheetIsWhatWasTypedAndNotItsDouble) {
  const auto rows =
      read_xlsx(workbook(R"(<row><c><v>0.10000000000000001</v></c><c><v>12.5</v></c><c><v>-3</v></c></row>)"));
  ASSERT_TRUE(rows) << rows.error().id;
  EXPECT_THAT(rows->front().cells, ElementsAre("0.1", "12.5", "-3"));
}

TEST(Files, ADamagedOrCutWorkbookIsRefusedWhole) {
  const std::string good = write_xlsx({{"blue_number"}}, {{"26990000000000000001"}});
  for (std::size_t size = 4; size < good.size(); ++size)
    EXPECT_FALSE(read_submissions(std::string_view(good).substr(0, size))) << size;
  std::string changed = good;
  const auto sheet = changed.find("xl/worksheets/sheet1.xml");
  changed[sheet + 40] = static_cast<char>(changed[sheet + 40] ^ 0x10);
  EXPECT_FALSE(read_submissions(changed));
}

}  // namespace
}  // namespace taxgate::files
