#include "protocol/leqi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <set>
#include <sstream>

namespace taxgate::leqi {
namespace {

const Bytes kKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

Decimal dec(std::string_view text) { return *Decimal::parse(text); }
Fen fen(std::string_view text) { return *Fen::parse(text); }

RedDocument cement() {
  RedDocument red;
  red.blue_number = "26990000000000000002";
  red.blue_type = "81";
  red.blue_issued_at = *LegalTime::parse("2026-10-21 09:30:00");
  red.blue_amount = fen("169115.04");
  red.blue_tax = fen("21984.96");
  red.seller = {"91340200TGDM0002XD", "皖南水泥有限公司"};
  red.buyer = {"91500112TGDM002229", "渝北\"建材\"\\商行\n"};  // hostile to a careless writer
  red.reason = Reason::goods_returned;
  red.lines = {{.blue_line = 1,
                .tax_code = "1080101020000000000",
                .name = "*水泥*P.O 42.5 散装",
                .spec = "",
                .unit = "吨",
                .quantity = dec("-100"),
                .price = dec("338.23008"),
                .amount = fen("-33823.01"),
                .rate = dec("0.13"),
                .tax = fen("-4396.99"),
                .preference = ""}};
  red.amount = fen("-33823.01");
  red.tax = fen("-4396.99");
  return red;
}

Form form() {
  const RedDocument red = cement();
  Form f;
  f.uuid = "0123456789abcdef0123456789abcdef";
  f.number = "99202611000000000001";
  f.state = "02";
  f.initiator = Side::buyer;
  f.seller = red.seller;
  f.buyer = red.buyer;
  f.blue_number = red.blue_number;
  f.reason = "02";
  f.amount = red.amount;
  f.tax = red.tax;
  f.lines = red.lines;
  f.entered_at = *LegalTime::parse("2026-11-22 10:19:52");
  f.confirmed_at = *LegalTime::parse("2026-11-22 11:00:00");
  f.issued = true;
  f.red_number = "26999000000000000001";
  f.red_issued_at = *LegalTime::parse("2026-11-22 11:00:01");
  return f;
}

TEST(LeqiCall, NamesAbilityAndServiceInThePath) {
  Call call;
  call.ability = "202007";
  call.service = service::apply;
  EXPECT_EQ(call_path(call, false), "/access/v2/invoke/202007/QDHZQRDSQ/");
  EXPECT_EQ(call_path(call, true), "/access/sandbox/v2/invoke/202007/QDHZQRDSQ/");
}

TEST(LeqiSeal, IsBase64OfSm4EcbAndOpensAgain) {
  // GB/T 32907 A.1: key = plaintext block; the second block is the padding.
  const Bytes key = *from_hex("0123456789abcdeffedcba9876543210");
  auto sealed = seal("{\"x\":\"票\"}", key);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(from_base64(*sealed)->size() % 16, 0u);
  EXPECT_EQ(*open(*sealed, key), "{\"x\":\"票\"}");
  EXPECT_EQ(seal("x", Bytes(15)).error().id, "sm4.key");
}

TEST(LeqiSeal, RefusesBytesThatAreNoneByName) {
  EXPECT_EQ(open("not base64!", kKey).error().id, "leqi.base64");
  EXPECT_EQ(open(base64(Bytes(15)), kKey).error().id, "leqi.cipher");
  EXPECT_EQ(open(base64(Bytes(32)), kKey).error().id, "leqi.cipher");
  for (std::string bad : {"\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ab\xe7\xa5"}) {
    EXPECT_EQ(open(base64(*sm4_ecb_encrypt(kKey, as_bytes(bad))), kKey).error().id, "leqi.utf8") << hex(as_bytes(bad));
  }
}

TEST(LeqiReply, CarriesEncryptedDataInsideTheGatewayEnvelope) {
  auto text = make_reply(R"({"returncode":"00"})", kKey);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find("returncode"), std::string::npos) << "the data must not be readable";
  auto reply = read_reply(*text, kKey);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->json, R"({"returncode":"00"})");
  EXPECT_EQ(reply->error_code, "");
}

TEST(LeqiReply, KeepsTheGatewaysOwnErrors) {
  auto reply = read_reply(make_error_reply("LQ-1007", "未授权的IP"), kKey);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->error_code, "LQ-1007");
  EXPECT_EQ(reply->error_message, "未授权的IP");
}

TEST(LeqiReply, RefusesBrokenEnvelopesAsCorrupt) {
  for (std::string text : {"", "[]", "{}", R"({"body":7})", R"({"body":"x"})", R"({"body":"{}"})",
                           R"({"body":"{\"Response\":{}}"})", R"({"body":"{\"Response\":{\"Error\":{}}}"})"}) {
    auto reply = read_reply(text, kKey);
    ASSERT_FALSE(reply) << text;
    EXPECT_EQ(reply.error().code, Errc::corrupt);
    EXPECT_EQ(reply.error().id, "leqi.envelope");
  }
}

TEST(LeqiApply, RoundTripsEveryFieldTheOfficialSetHas) {
  const RedDocument red = cement();
  auto read = read_apply(apply_json(red));
  ASSERT_TRUE(read) << read.error().id << " " << read.error().field;
  EXPECT_EQ(*read, red);
}

TEST(LeqiApply, SplitsTheNameAndTheNumberAsTheOfficialFieldsWantThem) {
  RedDocument red = cement();
  const std::string text = apply_json(red);
  EXPECT_NE(text.find(R"("spfwjc":"水泥","xmmc":"P.O 42.5 散装")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("lzfppzDm":"01")"), std::string::npos);
  EXPECT_EQ(text.find("lzfpdm"), std::string::npos);
  red.blue_number = "990024113000000009";
  red.blue_type = "01";
  const std::string coded = apply_json(red);
  EXPECT_NE(coded.find(R"("lzfpdm":"9900241130","lzfphm":"00000009","sfzzfpbz":"Y")"), std::string::npos) << coded;
  EXPECT_EQ(read_apply(coded)->blue_number, red.blue_number);
}

TEST(LeqiApply, GivesBackTheInvoiceTypeExceptWhereThreeShareOneCode) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"01", "01"}, {"03", "03"}, {"04", "04"}, {"08", "08"}, {"10", "10"}, {"15", "15"}, {"51", "51"},
      {"61", "61"}, {"81", "81"}, {"82", "82"}, {"83", "83"}, {"84", "84"}, {"85", "85"}, {"86", "86"},
      {"87", "87"}, {"88", "88"}, {"02", "01"}, {"11", "04"}, {"14", "10"}};
  for (const auto& [type, back] : cases) {
    RedDocument red = cement();
    red.blue_type = type;
    if (*invoice_class(type) == InvoiceClass::sk) red.blue_number = "990024113000000009";
    auto read = read_apply(apply_json(red));
    ASSERT_TRUE(read) << type << read.error().id;
    EXPECT_EQ(read->blue_type, back) << type;
    EXPECT_EQ(read->blue_number, red.blue_number) << type;
  }
}

TEST(LeqiApply, LeavesOutTheTaxpayerNumberOfANaturalPerson) {
  RedDocument red = cement();
  red.buyer = {"", "个人"};
  const std::string text = apply_json(red);
  EXPECT_EQ(text.find("gmfnsrsbh"), std::string::npos);
  EXPECT_EQ(*read_apply(text), red);
}

TEST(LeqiApply, RefusesAJsonFractionAsMoney) {
  std::string text = apply_json(cement());
  const std::string exact = R"("hzcxje":"-33823.01")";
  text.replace(text.find(exact), exact.size(), R"("hzcxje":-33823.01)");
  auto read = read_apply(text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::corrupt);
  EXPECT_EQ(read.error().field, "hzcxje");
}

TEST(LeqiApply, NamesTheFieldThatIsMissing) {
  std::string text = apply_json(cement());
  const std::string exact = R"("se":"-4396.99")";
  text.replace(text.find(exact), exact.size(), R"("sx":"-4396.99")");
  EXPECT_EQ(read_apply(text).error().field, "hzqrdmxList[0].se");
}

TEST(LeqiForms, RoundTripInDetailAndLoseOnlyTheirLinesInLists) {
  DetailReply detail{{"00", "成功"}, form()};
  auto read = read_detail_reply(detail_reply_json(detail));
  ASSERT_TRUE(read) << read.error().field;
  EXPECT_EQ(read->form, detail.form);

  ListReply list{{"00", "成功"}, 7, {form(), form()}};
  list.forms[1].valid = false;
  list.forms[1].issued = false;
  list.forms[1].red_issued_at = {};
  list.forms[1].confirmed_at = {};
  list.forms[1].red_number.clear();
  auto listed = read_list_reply(list_reply_json(list));
  ASSERT_TRUE(listed) << listed.error().field;
  for (Form& f : list.forms) f.lines.clear();
  EXPECT_EQ(listed->total, 7);
  EXPECT_EQ(listed->forms, list.forms);
}

TEST(LeqiForms, KeepUnknownCodesInsteadOfDroppingTheRecord) {
  Form strange = form();
  strange.state = "15";
  strange.reason = "09";
  auto read = read_list_reply(list_reply_json({{"00", ""}, 1, {strange}}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->forms[0].state, "15");
  EXPECT_EQ(read->forms[0].reason, "09");
  EXPECT_EQ(form_state("15"), nullptr);
  EXPECT_EQ(form_class("15"), FormClass::unknown);
}

TEST(LeqiForms, AnAnswerThatSaysNoNeedsNoForm) {
  auto read = read_detail_reply(R"({"returncode":"01","returnmsg":"未查询到确认单"})");
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->outcome.ok());
  EXPECT_EQ(read->outcome.message, "未查询到确认单");
}

TEST(LeqiSmallMessages, RoundTrip) {
  auto apply = read_apply_reply(apply_reply_json({{"00", "ok"}, "n", "u", "02"}));
  EXPECT_EQ(apply->number + apply->uuid + apply->state + apply->outcome.code, "nu0200");

  for (Answer answer : {Answer::agree, Answer::refuse, Answer::revoke}) {
    auto confirm = read_confirm(confirm_json({"u", "n", answer, Side::buyer, "t"}));
    ASSERT_TRUE(confirm);
    EXPECT_EQ(confirm->answer, answer);
    EXPECT_EQ(confirm->side, Side::buyer);
    EXPECT_EQ(confirm->uuid + confirm->number + confirm->taxpayer, "unt");
  }
  EXPECT_FALSE(read_confirm(R"({"nsrsbh":"t","yhjslx":"0","uuid":"u","qrlx":"X"})"));
  EXPECT_EQ(read_confirm_reply(confirm_reply_json({{"01", "no"}, "07"}))->state, "07");

  ListRequest list{
      "t", Side::buyer, "26990000000000000002", *LegalTime::parse("2026-11-01"), *LegalTime::parse("2026-11-30"),
      3,   50};
  auto read_l = read_list(list_json(list));
  ASSERT_TRUE(read_l);
  EXPECT_EQ(read_l->taxpayer + read_l->blue_number, "t26990000000000000002");
  EXPECT_EQ(read_l->from, list.from);
  EXPECT_EQ(read_l->to, list.to);
  EXPECT_EQ(read_l->page, 3);

  auto detail = read_detail(detail_json({"t", "u", "n"}));
  EXPECT_EQ(detail->taxpayer + detail->uuid + detail->number, "tun");

  EXPECT_EQ(read_upload_reply(upload_reply_json({{"00", ""}, "r"}))->receipt, "r");
  auto result = read_upload_result(upload_result_json({"t", "r", "s"}));
  EXPECT_EQ(result->taxpayer + result->receipt + result->serial, "trs");
  UploadResultReply done{{"00", ""}, "03", "26999000000000000001", "重复", *LegalTime::parse("2026-11-22 11:00:01")};
  auto read_done = read_upload_result_reply(upload_result_reply_json(done));
  EXPECT_EQ(read_done->result + read_done->red_number + read_done->message, "0326999000000000000001重复");
  EXPECT_EQ(read_done->issued_at, done.issued_at);

  EXPECT_EQ(read_invoice_status(invoice_status_json({"t", "n"}))->number, "n");
  InvoiceStatusReply status{{"00", ""}, "n", "7", "1", "02", true, fen("12.30"), fen("0.07")};
  auto read_s = read_invoice_status_reply(invoice_status_reply_json(status));
  EXPECT_EQ(read_s->number + read_s->status + read_s->use + read_s->booking, "n7102");
  EXPECT_TRUE(read_s->locked);
  EXPECT_EQ(read_s->left_amount, status.left_amount);
  EXPECT_EQ(read_s->left_tax, status.left_tax);
}

TEST(LeqiUpload, RoundTripsTheRedWithItsFormAndItsLabels) {
  UploadRequest request{"serial", "99202611000000000001", "0123456789abcdef0123456789abcdef", cement(),
                        "26999000000000000001"};
  request.red.lines[0].preference = "03";
  request.red.element = "04";
  request.remark = "被红冲蓝字数电发票号码：26990000000000000001";
  auto read = read_upload(upload_json(request));
  ASSERT_TRUE(read) << read.error().field;
  EXPECT_EQ(read->serial, "serial");
  EXPECT_EQ(read->form_number, request.form_number);
  EXPECT_EQ(read->form_uuid, request.form_uuid);
  EXPECT_EQ(read->red_number, request.red_number);
  EXPECT_EQ(read->remark, request.remark);
  EXPECT_EQ(read->red, request.red);
}

TEST(LeqiTable, CarriesTheXmlByteForByte) {
  const Bytes xml{'<', 0xC6, 0xB1, 0x00, '>'};
  EXPECT_EQ(*read_table_json(table_json(xml)), xml);
  EXPECT_FALSE(read_table_json(R"({"xml":"***"})"));
}

TEST(LeqiSignature, ValueCarriesTheHeadAndTheBodyComesFromTheRequest) {
  const std::string body = apply_json(cement());
  SignedEnvelope envelope;
  envelope.bytes = *make_envelope({"simulator", "91340200TGDM0002XD", "apply", "id-1"}, as_bytes(body));
  envelope.signature.fill(0xA5);
  envelope.certificate = {0x30, 0x03};
  envelope.signer_id = std::string(kDefaultSignerId);
  const std::string value = signature_value(envelope);
  EXPECT_LT(value.size(), 1200u) << "the body does not travel twice";
  auto read = read_signature_value(value, body);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->bytes, envelope.bytes);
  EXPECT_EQ(read->signature, envelope.signature);
  EXPECT_EQ(read->certificate, envelope.certificate);
  EXPECT_EQ(read->signer_id, envelope.signer_id);
  EXPECT_FALSE(read_envelope(read_signature_value(value, body + " ")->bytes)) << "another body is another envelope";
}

TEST(LeqiSignature, RefusesDamageByName) {
  EXPECT_EQ(read_signature_value("", {}).error().id, "leqi.signature_value");
  EXPECT_EQ(
      read_signature_value(
          base64(as_bytes(R"({"envelope_head":"AQID","signature":"a5","certificate":"MAM=","signer_id":"x"})")), {})
          .error()
          .field,
      "signature");
}

TEST(LeqiStates, AreThirteenWithTheClassesOfTheTable) {
  std::set<std::string_view> terms;
  for (int i = 1; i <= 13; ++i) {
    const std::string code = (i < 10 ? "0" : "") + std::to_string(i);
    const FormState* state = form_state(code);
    ASSERT_NE(state, nullptr) << code;
    terms.insert(state->term);
    if (i >= 5) EXPECT_EQ(state->cls, FormClass::void_) << code;
  }
  EXPECT_EQ(terms.size(), 13u);
  EXPECT_EQ(form_class("01"), FormClass::confirmed);
  EXPECT_EQ(form_class("02"), FormClass::pending_buyer);
  EXPECT_EQ(form_class("03"), FormClass::pending_seller);
  EXPECT_EQ(form_class("04"), FormClass::confirmed);
  EXPECT_EQ(form_state("14"), nullptr);
}

TEST(LeqiCredit, FiguresGoThereAndBackAndAMissingOneIsNoZero) {
  const auto asked = read_credit(credit_json({"91310115TGDM00011U", "2026-11"}));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->month, "2026-11");
  CreditReply reply{{"00", ""}, "2026-11", Fen{750'000'000}, Fen{-1}, true};
  const auto read = read_credit_reply(credit_reply_json(reply));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->total, Fen{750'000'000});
  EXPECT_EQ(read->remaining, Fen{-1});
  EXPECT_TRUE(read->suspended);
  EXPECT_FALSE(read_credit_reply(R"({"returncode":"00","bysxed":"7500000.00"})"));
  const auto no = read_credit_reply(credit_reply_json({{"01", "未查询到发票总额度"}, {}, {}, {}, false}));
  ASSERT_TRUE(no);
  EXPECT_FALSE(no->outcome.ok());
}

void read_everything(std::string_view bytes) {
  (void)read_reply(bytes, kKey);
  (void)open(bytes, kKey);
  (void)read_signature_value(bytes, bytes);
  (void)read_apply(bytes);
  (void)read_apply_reply(bytes);
  (void)read_confirm(bytes);
  (void)read_confirm_reply(bytes);
  (void)read_list(bytes);
  (void)read_list_reply(bytes);
  (void)read_detail(bytes);
  (void)read_detail_reply(bytes);
  (void)read_upload(bytes);
  (void)read_upload_reply(bytes);
  (void)read_upload_result(bytes);
  (void)read_upload_result_reply(bytes);
  (void)read_invoice_status(bytes);
  (void)read_invoice_status_reply(bytes);
  (void)read_credit(bytes);
  (void)read_credit_reply(bytes);
  (void)read_table_json(bytes);
}

TEST(LeqiHostileBytes, NeverBreakAParser) {
  const std::uint64_t seed = 20261122;
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  const std::vector<std::string> seeds{apply_json(cement()), detail_reply_json({{"00", ""}, form()}),
                                       list_reply_json({{"00", ""}, 1, {form()}}), make_error_reply("a", "b"),
                                       *make_reply("{}", kKey)};
  for (int round = 0; round < 4000; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (int k = 0; k < 1 + static_cast<int>(random() % 4); ++k)
      text[random() % text.size()] = static_cast<char>(random());
    if (round % 3 == 0) text.resize(random() % text.size());
    read_everything(text);
  }
  read_everything(std::string(100'000, '['));
  read_everything(R"({"a":)" + std::string(40, '{'));
}

TEST(LeqiHostileBytes, TheFuzzCorpusIsReadWithoutHarm) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(TAXGATE_SOURCE_DIR) + "/tests/fuzz/corpus/leqi")) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    read_everything(text.view());
    ++files;
  }
  EXPECT_GE(files, 10);
}

}  // namespace
}  // namespace taxgate::leqi
