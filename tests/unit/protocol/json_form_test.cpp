#include "protocol/json_form.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "protocol/api.pb.h"
#include "protocol/text.h"
#include "tests/unit/protocol/seeded.h"

namespace taxgate {
namespace {

using api::v1::SubmissionRequest;
using google::protobuf::FieldDescriptor;
using google::protobuf::util::MessageDifferencer;

struct Refusal {
  std::string id, field;
  friend bool operator==(const Refusal&, const Refusal&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Refusal& r) {
    return out << r.id << " at '" << r.field << "'";
  }
};
template <class T = SubmissionRequest>
Refusal refusal(std::string_view json) {
  T message;
  const auto read = from_json(json, message);
  if (read) return {"accepted", ""};
  EXPECT_EQ(read.error().code, Errc::invalid_input);
  return {read.error().id, read.error().field};
}

TEST(JsonForm, ReadsASubmissionFieldByField) {
  SubmissionRequest r;
  const auto read = from_json(R"( {"idempotency_key":"k-1", "seller":"91310115TGDM00011U","reason":"02",
    "lines":[{"blue_line":1,"quantity":"150"},{"blue_line":2,"amount":"35000.00"}],
    "blue":{"seller":{"name":"虚构\u7a7a\u8c03\n\"A\""},"is_red":false,"locked":true,"lines":[]},"context":{"order":"\ud83d\ude00"}} )",
                              r);
  ASSERT_TRUE(read) << read.error().id << " " << read.error().field << " " << read.error().wanted;
  EXPECT_EQ(r.idempotency_key(), "k-1");
  ASSERT_EQ(r.lines_size(), 2);
  EXPECT_EQ(r.lines(0).blue_line(), 1);
  EXPECT_EQ(r.lines(0).quantity(), "150");
  EXPECT_EQ(r.lines(1).blue_line(), 2);
  EXPECT_EQ(r.lines(1).amount(), "35000.00");
  EXPECT_EQ(r.blue().seller().name(), "虚构空调\n\"A\"");
  EXPECT_TRUE(r.blue().locked());
  EXPECT_EQ(r.context().order(), "😀");
  EXPECT_TRUE(r.has_blue());
  EXPECT_FALSE(r.has_platform_form());
}

TEST(JsonForm, NamesUnknownFieldsByTheirWholePath) {
  EXPECT_EQ(refusal(R"({"sellr":"x"})"), (Refusal{"json.unknown_field", "sellr"}));
  EXPECT_EQ(refusal(R"({"lines":[{"blue_line":1},{"blue_line":2,"qty":"1"}]})"),
            (Refusal{"json.unknown_field", "lines[1].qty"}));
  EXPECT_EQ(refusal(R"({"blue":{"seller":{"taxid":"1"}}})"), (Refusal{"json.unknown_field", "blue.seller.taxid"}));
  EXPECT_EQ(refusal(R"({"Seller":"x"})"), (Refusal{"json.unknown_field", "Seller"}));
  EXPECT_EQ(refusal(R"({"idempotencyKey":"x"})"), (Refusal{"json.unknown_field", "idempotencyKey"}));
  EXPECT_EQ(refusal("{\"\\u0000" + std::string(300, 'x') + "\":1}").field, "?" + std::string(63, 'x'));
}

TEST(JsonForm, RefusesAFieldGivenTwice) {
  EXPECT_EQ(refusal(R"({"seller":"a","reason":"02","seller":"b"})"), (Refusal{"json.duplicate_field", "seller"}));
  EXPECT_EQ(refusal(R"({"lines":[{"amount":"1","amount":"2"}]})"),
            (Refusal{"json.duplicate_field", "lines[0].amount"}));
  EXPECT_EQ(refusal(R"({"seller":"a","sel\u006cer":"b"})"), (Refusal{"json.duplicate_field", "seller"}));
  EXPECT_EQ(refusal(R"({"lines":[],"lines":[]})"), (Refusal{"json.duplicate_field", "lines"}));
  EXPECT_EQ(refusal(R"({"lines":[{"amount":"1"},{"amount":"2"}]})").id, "accepted");
}

TEST(JsonForm, RefusesJsonNumbersWhereTheSchemaHasDecimalText) {
  EXPECT_EQ(refusal(R"({"lines":[{"quantity":150}]})"), (Refusal{"json.number_in_string", "lines[0].quantity"}));
  EXPECT_EQ(refusal(R"({"lines":[{"amount":12.50}]})"), (Refusal{"json.number_in_string", "lines[0].amount"}));
  EXPECT_EQ(refusal(R"({"blue":{"reds":[1]}})"), (Refusal{"json.number_in_string", "blue.reds[0]"}));
  EXPECT_EQ(refusal(R"({"seller":null})"), (Refusal{"json.type", "seller"}));
}

TEST(JsonForm, RefusesWrongTypes) {
  EXPECT_EQ(refusal(R"({"seller":true})"), (Refusal{"json.type", "seller"}));
  EXPECT_EQ(refusal(R"({"seller":{}})"), (Refusal{"json.type", "seller"}));
  EXPECT_EQ(refusal(R"({"seller":["a"]})"), (Refusal{"json.type", "seller"}));
  EXPECT_EQ(refusal(R"({"lines":{}})"), (Refusal{"json.type", "lines"}));
  EXPECT_EQ(refusal(R"({"lines":[[]]})"), (Refusal{"json.type", "lines[0]"}));
  EXPECT_EQ(refusal(R"({"lines":[{},1]})"), (Refusal{"json.type", "lines[1]"}));
  EXPECT_EQ(refusal(R"({"lines":[{"blue_line":"1"}]})"), (Refusal{"json.type", "lines[0].blue_line"}));
  EXPECT_EQ(refusal(R"({"lines":[{"blue_line":1.0}]})"), (Refusal{"json.type", "lines[0].blue_line"}));
  EXPECT_EQ(refusal(R"({"blue":{"is_red":"true"}})"), (Refusal{"json.type", "blue.is_red"}));
  EXPECT_EQ(refusal(R"({"blue":null})"), (Refusal{"json.type", "blue"}));
  for (const char* top : {"[]", "\"x\"", "1", "null", "true", "1.5"})
    EXPECT_EQ(refusal(top), (Refusal{"json.type", ""})) << top;
}

TEST(JsonForm, ChecksTheRangeOfIntegers) {
  EXPECT_EQ(refusal(R"({"lines":[{"blue_line":2147483648}]})"), (Refusal{"json.range", "lines[0].blue_line"}));
  EXPECT_EQ(refusal(R"({"lines":[{"blue_line":-2147483649}]})"), (Refusal{"json.range", "lines[0].blue_line"}));
  EXPECT_EQ(refusal(R"({"lines":[{"blue_line":-2147483648}]})").id, "accepted");
  EXPECT_EQ(refusal<api::v1::ImportReply>(R"({"added":4294967296})"), (Refusal{"json.range", "added"}));
  EXPECT_EQ(refusal<api::v1::ImportReply>(R"({"added":-1})"), (Refusal{"json.range", "added"}));
  api::v1::TimelineEntry entry;
  ASSERT_TRUE(from_json(R"({"seq":18446744073709551615})", entry));
  EXPECT_EQ(entry.seq(), 18446744073709551615ULL);
  EXPECT_EQ(refusal<api::v1::TimelineEntry>(R"({"seq":18446744073709551616})").id, "json.type");
}

TEST(JsonForm, NamesThePlaceOfASyntaxError) {
  SubmissionRequest r;
  const auto read = from_json(R"({"seller":"x",})", r);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().id, "json.syntax");
  EXPECT_EQ(read.error().wanted, "byte 15");
  for (const char* bad :
       {"", " ", "{", "}", "{\"seller\":\"x\"", "{\"seller\" \"x\"}", "{seller:\"x\"}", "{'seller':'x'}", "{}{}",
        "{} x", "{\"seller\":\"\\x\"}", "{\"seller\":\"\n\"}", "{/**/}", "{\"lines\":[{},]}", "\xEF\xBB\xBF{}",
        "{\"seller\":\"\\ud800\"}", "{\"lines\":[{\"blue_line\":01}]}"})
    EXPECT_EQ(refusal(bad).id, "json.syntax") << bad;
}

TEST(JsonForm, RefusesBytesThatAreNotUtf8) {
  EXPECT_EQ(refusal("{\"seller\":\"\xB0\xA1\"}").id, "json.utf8");  // GBK
  EXPECT_EQ(refusal("{\"seller\":\"\xED\xA0\x80\"}").id, "json.utf8");
  EXPECT_EQ(refusal("\xFF").id, "json.utf8");
}

TEST(JsonForm, BoundsItsDepth) {
  std::string deep, end;
  for (int i = 0; i < 200; ++i) {
    deep += "{\"more\":[";
    end += "]}";
  }
  EXPECT_EQ(refusal<api::v1::ErrorBody>(deep + end).id, "json.depth");
  EXPECT_EQ(refusal(std::string(100'000, '[')).id, "json.type");
  EXPECT_EQ(refusal("{\"seller\":" + std::string(100'000, '[')).id, "json.type");
  std::string within, close;
  for (int i = 0; i < 31; ++i) {
    within += "{\"more\":[";
    close += "]}";
  }
  EXPECT_EQ(refusal<api::v1::ErrorBody>(within + "{}" + close).id, "accepted");
}

TEST(JsonForm, ForgetsWhatTheMessageHeldBefore) {
  SubmissionRequest r;
  r.set_seller("old");
  ASSERT_TRUE(from_json("{}", r));
  EXPECT_EQ(r.seller(), "");
}

TEST(JsonForm, WritesCompactlyInSchemaOrder) {
  SubmissionRequest r;
  r.add_lines()->set_blue_line(1);
  r.set_seller("A\"\\\n\x01/é");
  r.mutable_blue()->set_locked(true);
  EXPECT_EQ(to_json(r), R"({"seller":"A\"\\\n\u0001/é","lines":[{"blue_line":1}],"blue":{"locked":true}})");
  EXPECT_EQ(to_json(SubmissionRequest{}), "{}");
  EXPECT_EQ(to_json(api::v1::HoldRequest{}, true), R"({"taxpayer":"","reason":""})");
  EXPECT_EQ(to_json(api::v1::Inbox{}, true), R"({"forms":[],"channel":""})");
  EXPECT_EQ(to_json(api::v1::ErrorBody{}, true).find("null"), std::string::npos);
}

TEST(JsonForm, WritesJsonWhateverBytesCameIntoAMessage) {
  api::v1::HoldRequest r;
  r.set_reason("a\xFF\xE5z");
  EXPECT_EQ(to_json(r), "{\"reason\":\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"}");
}

TEST(JsonForm, HasAFormForEveryFieldOfTheApi) {
  const auto& file = *SubmissionRequest::descriptor()->file();
  for (int m = 0; m < file.message_type_count(); ++m)
    for (int i = 0; i < file.message_type(m)->field_count(); ++i) {
      const FieldDescriptor& f = *file.message_type(m)->field(i);
      EXPECT_FALSE(f.is_map()) << f.full_name();
      EXPECT_FALSE(f.real_containing_oneof() != nullptr) << f.full_name();
      switch (f.cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING:
        case FieldDescriptor::CPPTYPE_BOOL:
        case FieldDescriptor::CPPTYPE_INT32:
        case FieldDescriptor::CPPTYPE_UINT32:
        case FieldDescriptor::CPPTYPE_INT64:
        case FieldDescriptor::CPPTYPE_UINT64:
        case FieldDescriptor::CPPTYPE_MESSAGE:
          break;
        default:
          ADD_FAILURE() << f.full_name() << " has a type without a JSON form";
      }
    }
}

std::string random_text(std::mt19937_64& random) {
  static const std::string parts[] = {
      "a", "\"", "\\", "\n", "\t", "é", "税", "😀", "0", "-1.5", std::string(1, '\0'), "\x1F", "{", "]"};
  std::string out;
  for (std::size_t n = test::below(random, 6); n > 0; --n) out += parts[test::below(random, std::size(parts))];
  return out;
}
void fill(std::mt19937_64& random, google::protobuf::Message& m, int depth) {
  const auto& r = *m.GetReflection();
  for (int i = 0; i < m.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& f = *m.GetDescriptor()->field(i);
    const std::size_t count = f.is_repeated() ? test::below(random, 3) : test::below(random, 2);
    for (std::size_t n = 0; n < count; ++n) switch (f.cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING:
          f.is_repeated() ? r.AddString(&m, &f, random_text(random)) : r.SetString(&m, &f, random_text(random));
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          r.SetBool(&m, &f, true);
          break;
        case FieldDescriptor::CPPTYPE_INT32:
          r.SetInt32(&m, &f, static_cast<std::int32_t>(random()));
          break;
        case FieldDescriptor::CPPTYPE_UINT32:
          r.SetUInt32(&m, &f, static_cast<std::uint32_t>(random()));
          break;
        case FieldDescriptor::CPPTYPE_UINT64:
          r.SetUInt64(&m, &f, random());
          break;
        case FieldDescriptor::CPPTYPE_INT64:
          r.SetInt64(&m, &f, static_cast<std::int64_t>(random()));
          break;
        default:
          if (depth < 5) fill(random, f.is_repeated() ? *r.AddMessage(&m, &f) : *r.MutableMessage(&m, &f), depth + 1);
      }
  }
}
template <class T>
void round_trips(std::mt19937_64& random, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    T before, after;
    fill(random, before, 0);
    const std::string json = to_json(before);
    const auto read = from_json(json, after);
    ASSERT_TRUE(read) << read.error().id << " " << read.error().field << "\n" << json;
    ASSERT_TRUE(MessageDifferencer::Equals(before, after)) << json;
    ASSERT_EQ(to_json(after), json);
    T full;
    ASSERT_TRUE(from_json(to_json(before, true), full));
    ASSERT_TRUE(MessageDifferencer::Equals(before, full));
  }
}
TEST(JsonForm, ReadsWhatItWrites) {
  auto random = test::seeded();
  round_trips<SubmissionRequest>(random, 300);
  round_trips<api::v1::Submission>(random, 300);
  round_trips<api::v1::Status>(random, 300);
  round_trips<api::v1::ImportReply>(random, 300);
}

TEST(JsonForm, EveryMessageOfTheSchemaIsTheSameInJsonAndInProtobuf) {
  auto random = test::seeded();
  const auto& file = *SubmissionRequest::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i) {
    const auto* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(file.message_type(i));
    for (int round = 0; round < 60; ++round) {
      const std::unique_ptr<google::protobuf::Message> before(prototype->New()), by_json(prototype->New()),
          by_protobuf(prototype->New());
      fill(random, *before, 0);
      ASSERT_TRUE(from_json(to_json(*before, round % 2 == 0), *by_json)) << before->GetTypeName();
      ASSERT_TRUE(by_protobuf->ParseFromString(before->SerializeAsString()));
      EXPECT_TRUE(MessageDifferencer::Equals(*by_json, *by_protobuf)) << before->GetTypeName() << to_json(*before);
      EXPECT_TRUE(MessageDifferencer::Equals(*before, *by_json)) << before->GetTypeName() << to_json(*before);
    }
  }
}

TEST(JsonForm, IsTotalOnDamagedBodies) {
  auto random = test::seeded();
  for (int i = 0; i < 5'000; ++i) {
    SubmissionRequest original, read;
    fill(random, original, 0);
    const std::string json =
        test::below(random, 8) == 0 ? test::random_bytes(random, 200) : test::damaged(random, to_json(original));
    const auto result = from_json(json, read);
    if (!result) {
      ASSERT_TRUE(is_utf8(result.error().field));
      ASSERT_FALSE(result.error().id.empty());
      continue;
    }
    SubmissionRequest again;
    ASSERT_TRUE(from_json(to_json(read), again));
    ASSERT_TRUE(MessageDifferencer::Equals(read, again)) << json;
  }
}

}  // namespace
}  // namespace taxgate
