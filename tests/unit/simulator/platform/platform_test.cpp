// The whole platform over real TLS on the loopback: services, each fault once, the control interface, the clock.
#include "simulator/platform/platform.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "protocol/leqi_night.h"
#include "protocol/table_xml.h"
#include "simulator/device/key_authority.h"
#include "tests/unit/protocol/openssl_command.h"
#include "tests/unit/simulator/platform/https_client.h"

namespace taxgate::simulator {
namespace {

namespace json = boost::json;
namespace s = leqi::service;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr const char* kSeed =
    R"({"taxpayers":[{"id":"91320106TGDM00038N","name":"卖方"},{"id":"91320104TGDM00230C","name":"买方"}],
        "invoices":[{"fplx":"82","fphm":"26990000000000000003","kprq":"2026-11-18","xf":"91320106TGDM00038N","gf":"91320104TGDM00230C",
          "mx":[["1030102010100000000","*谷物加工品*大米","袋","300","45","13500.00","0.09","1215.00"]],
          "sum":["13500.00","1215.00","14715.00"],"fpyt":"0","rzzt":"01"},
         {"fplx":"81","fphm":"26990000000000000004","kprq":"2026-11-18","xf":"91320106TGDM00038N","gf":"91320104TGDM00230C",
          "mx":[["1030102010100000000","*谷物加工品*大米","袋","300","45","13500.00","0.09","1215.00"]],
          "sum":["13500.00","1215.00","14715.00"],"fpyt":"1","rzzt":"02"}]})";

class PlatformTest : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override {
    platform.reset();
    std::filesystem::remove_all(directory);
  }
  void start(PlatformOptions options) {
    std::string pattern = ::testing::TempDir() + "platform_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory = options.directory = pattern;
    auto started = Platform::start(std::move(options));
    ASSERT_TRUE(started) << started.error().id << started.error().detail;
    platform = std::move(*started);
    client = std::make_unique<HttpsClient>(platform->port(), platform->ca_path());
    ASSERT_EQ(control("POST", "/seed", kSeed).status, 200);
  }

  Answer control(const std::string& method, const std::string& path, const std::string& body = {}) {
    return HttpsClient(platform->control_port(), {}).send(method, path, body);
  }
  json::object control_json(const std::string& method, const std::string& path, const std::string& body = {}) {
    const Answer answer = control(method, path, body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return json::parse(answer.body).as_object();
  }
  void fault(const std::string& script) { ASSERT_EQ(control("POST", "/faults", script).status, 200); }

  RedDocument red(std::string blue = "26990000000000000003", std::string amount = "-450.00",
                  std::string tax = "-40.50") const {
    RedDocument r;
    r.blue_number = std::move(blue);
    r.blue_type = "82";
    r.blue_issued_at = *LegalTime::parse("2026-11-18");
    r.blue_amount = *Fen::parse("13500.00");
    r.blue_tax = *Fen::parse("1215.00");
    r.seller = {"91320106TGDM00038N", "卖方"};
    r.buyer = {"91320104TGDM00230C", "买方"};
    r.reason = Reason::goods_returned;
    r.lines = {{1, "1030102010100000000", "*谷物加工品*大米", "", "袋", *Decimal::parse("-10"), *Decimal::parse("45"),
                *Fen::parse(amount), *Decimal::parse("0.09"), *Fen::parse(tax), ""}};
    r.amount = *Fen::parse(amount);
    r.tax = *Fen::parse(tax);
    return r;
  }

  Answer call(std::string_view service, const std::string& text, HttpsClient* with = nullptr) {
    const std::string body = *leqi::seal(text, platform->sm4_key());
    return (with == nullptr ? client.get() : with)
        ->send("POST", "/access/v2/invoke/202007/" + std::string(service) + "/", body);
  }
  std::string opened(const Answer& answer) {
    auto reply = leqi::read_reply(answer.body, platform->sm4_key());
    return reply ? reply->json : reply.error().id;
  }
  leqi::ApplyReply apply(const RedDocument& r) {
    return *leqi::read_apply_reply(opened(call(s::apply, leqi::apply_json(r))));
  }
  leqi::ListReply list(const std::string& blue) {
    const LegalTime now = platform->clock().now();
    const leqi::ListRequest ask{
        "91320106TGDM00038N", Side::seller, blue, now.plus_ms(-3'600'000), now.plus_ms(3'600'000), 1, 50};
    return *leqi::read_list_reply(opened(call(s::list, leqi::list_json(ask))));
  }
  int booked() { return static_cast<int>(control_json("GET", "/log")["effects"].as_array().size()); }
  /// Waits for something that happens on machine time; the deadline is generous, the usual wait short.
  template <class Condition>
  bool soon(Condition condition) {
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  std::string directory;
  std::unique_ptr<Platform> platform;
  std::unique_ptr<HttpsClient> client;
};

TEST_F(PlatformTest, TakesASubmissionFromApplyToTheRedOverOneConnection) {
  const auto applied = apply(red());
  ASSERT_TRUE(applied.outcome.ok()) << applied.outcome.message;
  EXPECT_EQ(applied.state, "01");
  const auto listed = list("26990000000000000003");
  ASSERT_EQ(listed.forms.size(), 1u);
  EXPECT_EQ(listed.forms[0].uuid, applied.uuid);
  const leqi::UploadRequest up{"serial-1", applied.number, applied.uuid, red(), {}, red().blue_number + applied.number};
  const auto uploaded = *leqi::read_upload_reply(opened(call(s::upload, leqi::upload_json(up))));
  ASSERT_TRUE(uploaded.outcome.ok()) << uploaded.outcome.message;
  const auto result = *leqi::read_upload_result_reply(
      opened(call(s::upload_result, leqi::upload_result_json({"91320106TGDM00038N", uploaded.receipt, "serial-1"}))));
  EXPECT_EQ(result.result, "00");
  const auto detail =
      *leqi::read_detail_reply(opened(call(s::detail, leqi::detail_json({"91320106TGDM00038N", applied.uuid, {}}))));
  EXPECT_TRUE(detail.form.issued);
  EXPECT_EQ(detail.form.red_number, result.red_number);
  const auto status = *leqi::read_invoice_status_reply(
      opened(call(s::invoice_status, leqi::invoice_status_json({"91320106TGDM00038N", "26990000000000000003"}))));
  EXPECT_EQ(status.status, "7");
  EXPECT_EQ(client->connections(), 1) << "kept alive";
  EXPECT_THAT(client->peer_subject(), HasSubstr("SIMULATED"));
}

TEST_F(PlatformTest, ServesTheNightsListingOverTheSameTransportUntilTheBudgetIsSpent) {
  control_json("POST", "/population",
               R"({"seed":5,"taxpayers":[{"id":"91320106TGDM00038N","name":"卖方"}],"directions":["issued"],
                   "types":["81"],"from":"2026-10","count":250})");
  EXPECT_EQ(control_json("POST", "/population/change", R"({"percent":10,"what":["lock"]})").at("changed").as_int64(),
            25);
  control_json("POST", "/listing", R"({"package_size":100,"ready_polls":0,"calls":5})");
  EXPECT_EQ(control("POST", "/listing", R"({"package":100})").status, 400) << "a misspelt member";
  const leqi::Window october{"91320106TGDM00038N", leqi::Direction::issued, "81", *LegalTime::parse("2026-10-01"),
                             *LegalTime::parse("2026-10-31")};
  const auto applied = *leqi::read_bulk_apply_reply(
      opened(call(s::night_apply, leqi::bulk_apply_json({october, listing::Form::protobuf}))));
  ASSERT_TRUE(applied.outcome.ok()) << applied.outcome.message;
  const auto state = *leqi::read_bulk_state_reply(
      opened(call(s::night_state, leqi::bulk_state_json({october.taxpayer, applied.receipt}))));
  EXPECT_EQ(state.packages, 3U);
  const wire::Sm4Decryptor key(std::span<const std::uint8_t, 16>(platform->sm4_key()));
  Bytes buffer;
  std::size_t records = 0, locked = 0;
  for (std::uint32_t n = 1; n <= 3; ++n) {
    const Answer answer = call(s::night_package, leqi::package_json({october.taxpayer, applied.receipt, n}));
    const auto page = leqi::open_page(answer.body, key, buffer);
    ASSERT_TRUE(page) << answer.body.substr(0, 200);
    std::vector<listing::Slice> slices;
    ASSERT_TRUE(listing::split(listing::Form::protobuf, page->page, slices));
    records += slices.size();
    for (const auto& slice : slices)
      locked += listing::decode(listing::Form::protobuf, 1, page->page.subspan(slice.at, slice.size))
                    ->status.text(StatusField::lock) == "Y";
  }
  EXPECT_EQ(records, 250U);
  EXPECT_EQ(locked, 25U);
  const Answer spent = call(s::night_totals, leqi::totals_json(october));
  EXPECT_EQ(spent.status, 429);
  EXPECT_EQ(control_json("GET", "/population/91320106TGDM00038N/issued").at("statuses").as_array().size(), 252U)
      << "the seeded two are listed too";
}

TEST_F(PlatformTest, TheGatewaysErrorsMeetTheNightAndTheDay) {
  fault(R"([{"service":"FPHZTJCX","gateway_error":"SIM-503"},{"service":"FPZTXXCX","gateway_error":"SIM-401"}])");
  const leqi::Window october{"91320106TGDM00038N", leqi::Direction::issued, "81", *LegalTime::parse("2026-10-01"),
                             *LegalTime::parse("2026-10-31")};
  const auto night = leqi::read_reply(call(s::night_totals, leqi::totals_json(october)).body, platform->sm4_key());
  ASSERT_TRUE(night);
  EXPECT_EQ(night->error_code, leqi::kMaintenance);
  const auto day = leqi::read_reply(
      call(s::invoice_status, leqi::invoice_status_json({october.taxpayer, "26990000000000000003"})).body,
      platform->sm4_key());
  ASSERT_TRUE(day);
  EXPECT_EQ(day->error_code, leqi::kSessionLost);
}

TEST_F(PlatformTest, CarriesInformationTablesOverTheSameTransport) {
  RedDocument r = red();
  r.track = Track::information_table;
  r.table_memo = "1100000000";
  r.initiator = Side::buyer;
  r.tax_device = "661234567890";
  r.request_number = "661234567890261122101952";
  const auto row = *table::read_upload_reply(
      *leqi::read_table_json(opened(call(s::table_upload, leqi::table_json(*table::upload_xml(r))))));
  EXPECT_EQ(row.status, "TZD0000");
  table::DownloadRequest ask;
  ask.taxpayer = r.buyer.id;
  ask.request_number = r.request_number;
  const auto rows = *table::read_download_reply(
      *leqi::read_table_json(opened(call(s::table_download, leqi::table_json(*table::download_xml(ask))))));
  ASSERT_EQ(rows.rows.size(), 1u);
  EXPECT_TRUE(table::same_table(rows.rows[0].red, r));
  const auto cancelled = *table::read_upload_reply(*leqi::read_table_json(
      opened(call(s::table_cancel, leqi::table_json(*table::cancel_xml({r.buyer.id, r.tax_device, row.number}))))));
  EXPECT_EQ(cancelled.status, "TZD0082");
}

TEST_F(PlatformTest, IsTrustedOnlyThroughItsOwnCa) {
  PlatformOptions other;
  const std::string first_directory = directory;
  auto first = std::move(platform);
  start(std::move(other));
  HttpsClient wrong(platform->port(), first->ca_path());
  EXPECT_FALSE(call(s::list, "{}", &wrong).connected);
  first.reset();
  std::filesystem::remove_all(first_directory);
}

TEST_F(PlatformTest, ItsCaSatisfiesTheOpensslCommandLine) {
  const std::string command = "openssl s_client -connect 127.0.0.1:" + std::to_string(platform->port()) + " -CAfile " +
                              platform->ca_path() +
                              " -verify_return_error -verify_ip 127.0.0.1 </dev/null >/dev/null 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST_F(PlatformTest, AnswersNonsenseWithGatewayErrorsAndGoesOn) {
  EXPECT_EQ(leqi::read_reply(client->send("POST", "/access/v2/invoke/202007/QDHZQRDSQ/", "not sealed").body,
                             platform->sm4_key())
                ->error_code,
            "SIM-400");
  EXPECT_EQ(leqi::read_reply(client->send("POST", "/access/v2/invoke/202007/NOSUCH/", "{}").body, platform->sm4_key())
                ->error_code,
            "SIM-404");
  EXPECT_EQ(leqi::read_reply(client->send("GET", "/", "").body, platform->sm4_key())->error_code, "SIM-404");
  for (const std::string_view service :
       {s::apply, s::confirm, s::list, s::detail, s::upload, s::upload_result, s::invoice_status}) {
    EXPECT_THAT(opened(call(service, R"({"x":1})")), HasSubstr(R"("returncode":"01")")) << service;
  }
  EXPECT_EQ(table::read_upload_reply(*leqi::read_table_json(opened(call(s::table_upload, "{}"))))->status, "TZD0500");
  HttpsClient rude(platform->port(), platform->ca_path());
  EXPECT_TRUE(rude.send("POST", "/", "", "x-long: " + std::string(100'000, 'x') + "\r\n").closed)
      << "and nothing else falls with it";
  EXPECT_TRUE(apply(red()).outcome.ok());
}

// ---- each fault once ----------------------------------------------------------------------------------------------

TEST_F(PlatformTest, DelayHandlesAtOnceAndAnswersLater) {
  fault(R"({"service":"QDHZQRDSQ","delay_ms":150})");
  const auto before = Clock::now();
  EXPECT_TRUE(apply(red()).outcome.ok());
  EXPECT_GE(Clock::now() - before, std::chrono::milliseconds(150));
}

TEST_F(PlatformTest, DropBeforeLeavesNothingBehind) {
  fault(R"({"service":"QDHZQRDSQ","drop_before":true})");
  EXPECT_TRUE(call(s::apply, leqi::apply_json(red())).closed);
  EXPECT_EQ(booked(), 0);
  EXPECT_TRUE(apply(red()).outcome.ok()) << "once only";
}

TEST_F(PlatformTest, DropAfterHasBookedWhatItDoesNotSay) {
  fault(R"({"service":"QDHZQRDSQ","drop_after":true})");
  EXPECT_TRUE(call(s::apply, leqi::apply_json(red())).closed);
  EXPECT_EQ(booked(), 1);
  EXPECT_EQ(list("26990000000000000003").forms.size(), 1u);
  EXPECT_EQ(apply(red()).outcome.message, "存在进行中的红字确认单保存操作");
}

TEST_F(PlatformTest, ALateArrivalIsBookedAfterTheClientGaveUp) {
  fault(R"({"service":"QDHZQRDSQ","late_arrival_ms":300})");
  HttpsClient impatient(platform->port(), platform->ca_path(), 50);
  const auto sent = Clock::now();
  EXPECT_TRUE(call(s::apply, leqi::apply_json(red()), &impatient).timed_out);
  const auto listed = list("26990000000000000003").total;
  const bool before = Clock::now() - sent < std::chrono::milliseconds(300);  // a busy machine may ask too late
  EXPECT_TRUE(!before || listed == 0) << "not arrived yet";
  EXPECT_TRUE(soon([this] { return booked() == 1; }));
}

TEST_F(PlatformTest, ALateArrivalWithTheProtectionOffIsBookedBesideTheResend) {
  // The blind resend must come first: a machine on which it does not is given ever more time.
  bool resent = false;
  for (int late_ms = 200; !resent && late_ms <= 12'800; late_ms *= 4) {
    platform.reset();
    std::filesystem::remove_all(directory);
    start({});
    fault(fmt::format(R"({{"service":"QDHZQRDSQ","late_arrival_ms":{},"protection":false}})", late_ms));
    HttpsClient impatient(platform->port(), platform->ca_path(), 50);
    EXPECT_TRUE(call(s::apply, leqi::apply_json(red()), &impatient).timed_out);
    resent = apply(red()).outcome.ok();
  }
  EXPECT_TRUE(resent);
  EXPECT_TRUE(soon([this] { return booked() == 2; }));
  const auto verdict = control_json(
      "POST", "/assert",
      R"({"promises":[{"seller":"91320106TGDM00038N","blue_number":"26990000000000000003","reason":"02","amount":"-450.00","tax":"-40.50"}]})");
  EXPECT_EQ(verdict.at("doubled").as_int64(), 1);
  EXPECT_EQ(verdict.at("lost").as_int64(), 0);
}

TEST_F(PlatformTest, ALateListingHidesTheFormFromListsOnly) {
  fault(R"({"service":"QDHZQRDSQ","late_listing_ms":300})");
  const auto sent = Clock::now();
  const auto applied = apply(red());
  const auto listed = list("26990000000000000003").total;
  const bool before = Clock::now() - sent < std::chrono::milliseconds(300);  // a busy machine may ask too late
  EXPECT_TRUE(!before || listed == 0);
  EXPECT_TRUE(
      leqi::read_detail_reply(opened(call(s::detail, leqi::detail_json({"91320106TGDM00038N", applied.uuid, {}}))))
          ->outcome.ok());
  EXPECT_TRUE(soon([this] { return list("26990000000000000003").total == 1; }));
}

TEST_F(PlatformTest, ServerErrorsAndRateLimitsAreNotHandledUnlessToldSo) {
  fault(R"([{"service":"QDHZQRDSQ","status":503},{"service":"QDHZQRDSQ","nth":2,"status":429,"retry_after":7},
            {"service":"QDHZQRDSQ","nth":3,"status":500,"handle":true}])");
  EXPECT_EQ(call(s::apply, leqi::apply_json(red())).status, 503);
  const Answer limited = call(s::apply, leqi::apply_json(red()));
  EXPECT_EQ(limited.status, 429);
  EXPECT_THAT(limited.head, HasSubstr("Retry-After: 7\r\n"));
  EXPECT_EQ(booked(), 0);
  EXPECT_EQ(call(s::apply, leqi::apply_json(red())).status, 500);
  EXPECT_EQ(booked(), 1);
}

TEST_F(PlatformTest, GarbageIsBookedAndUnreadable) {
  fault(R"({"service":"QDHZQRDSQ","garbage":true})");
  const Answer answer = call(s::apply, leqi::apply_json(red()));
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(leqi::read_reply(answer.body, platform->sm4_key()));
  EXPECT_EQ(booked(), 1);
}

TEST_F(PlatformTest, TruncationBreaksTheResponseAtItsByte) {
  for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{20}, std::size_t{200}}) {
    fault(R"({"service":"CXQDHZQRDLB","truncate_at":)" + std::to_string(at) + "}");
    const Answer answer = call(s::list, leqi::list_json({"91320106TGDM00038N", Side::seller, {}, {1}, {2}, 1, 50}));
    EXPECT_TRUE(answer.closed);
    EXPECT_EQ(answer.raw.size(), at);
    EXPECT_EQ(control("DELETE", "/faults").status, 200);
  }
}

TEST_F(PlatformTest, ADuplicateAnswerHidesThatTheRequestWasBooked) {
  fault(R"([{"service":"QDHZQRDSQ","duplicate_answer":true},{"service":"XXBSC","duplicate_answer":true}])");
  EXPECT_EQ(apply(red()).outcome.message, "存在进行中的红字确认单保存操作");
  EXPECT_EQ(booked(), 1);
}

TEST_F(PlatformTest, AWrongSignatureFaultRefusesWithoutBooking) {
  fault(R"({"service":"QDHZQRDSQ","wrong_signature":true})");
  EXPECT_THAT(apply(red()).outcome.message, HasSubstr("签名验证失败"));
  EXPECT_EQ(booked(), 0);
}

TEST_F(PlatformTest, AStallNeitherAnswersNorBooks) {
  fault(R"({"service":"QDHZQRDSQ","stall":true})");
  HttpsClient impatient(platform->port(), platform->ca_path(), 100);
  EXPECT_TRUE(call(s::apply, leqi::apply_json(red()), &impatient).timed_out);
  EXPECT_EQ(booked(), 0);
  EXPECT_TRUE(apply(red()).outcome.ok()) << "other connections are served";
}

TEST_F(PlatformTest, NoIssueLeavesTheUploadProcessingForEver) {
  fault(R"({"service":"QDFPSC","no_issue":true})");
  const auto applied = apply(red());
  const auto uploaded = *leqi::read_upload_reply(opened(call(
      s::upload,
      leqi::upload_json({"serial", applied.number, applied.uuid, red(), {}, red().blue_number + applied.number}))));
  control_json("POST", "/clock/advance", R"({"ms":360000000})");
  const auto result = *leqi::read_upload_result_reply(
      opened(call(s::upload_result, leqi::upload_result_json({"91320106TGDM00038N", uploaded.receipt, {}}))));
  EXPECT_EQ(result.result, "01");
}

TEST_F(PlatformTest, TheProfileSignedTakesAnEnvelopeOfTheLargestSizeFromTheConfiguredHeader) {
  const std::int64_t now = LegalTime::parse("2026-11-22")->ms;
  const KeyAuthority authority = KeyAuthority::create("key CA", now);
  const Sm2Key key = Sm2Key::generate();
  platform.reset();
  std::filesystem::remove_all(directory);
  PlatformOptions options;
  options.profile = Profile::signed_;
  options.signature_header = "X-Envelope";
  options.key_ca_der = authority.certificate();
  start(std::move(options));

  RedDocument big = red();
  big.lines[0].spec = std::string(60'000, 'x');  // the envelope's bound is 64 KiB
  const std::string text = leqi::apply_json(big);
  SignedEnvelope envelope;
  envelope.bytes = *make_envelope({"simulator", big.seller.id, "apply", "id-1"}, as_bytes(text));
  envelope.signer_id = std::string(kDefaultSignerId);
  envelope.certificate = authority.issue(key, {big.seller.id, "模拟企业", "K1", now - 86'400'000, now + 86'400'000});
  envelope.signature = key.sign(sm2_e(envelope.signer_id, key.public_key(), envelope.bytes));
  const auto send = [&](const std::string& headers) {
    const Answer answer =
        client->send("POST", "/access/v2/invoke/202007/QDHZQRDSQ/", *leqi::seal(text, platform->sm4_key()), headers);
    return *leqi::read_apply_reply(opened(answer));
  };
  EXPECT_THAT(send("").outcome.message, HasSubstr("缺少签名"));
  EXPECT_EQ(booked(), 0);
  const auto applied = send("x-envelope: " + leqi::signature_value(envelope) + "\r\n");
  EXPECT_TRUE(applied.outcome.ok()) << applied.outcome.message;
  EXPECT_EQ(booked(), 1);
}

// ---- control ------------------------------------------------------------------------------------------------------

TEST_F(PlatformTest, TheClockIsAFileEverybodyReads) {
  const auto reader = FileOffsetClock::open(platform->clock_path());
  ASSERT_TRUE(reader);
  const auto before = (*reader)->now();
  const auto clock = control_json("POST", "/clock/advance", R"({"ms":259200000})");
  EXPECT_EQ(clock.at("offset_ms").as_int64(), 259'200'000);
  EXPECT_GE((*reader)->now().ms - before.ms, 259'200'000);
  EXPECT_LT((*reader)->now().ms - before.ms, 259'200'000 + 60'000);
}

TEST_F(PlatformTest, CounterpartiesAnswerOverTheControlInterfaceAndTheClockMovesThem) {
  ASSERT_EQ(
      control("POST", "/counterparty", R"({"blue_number":"26990000000000000004","reaction":"deny","after_ms":7200000})")
          .status,
      200);
  RedDocument r = red("26990000000000000004");
  r.blue_type = "81";
  const auto applied = apply(r);
  EXPECT_EQ(applied.state, "02") << applied.outcome.message;
  control_json("POST", "/clock/advance", R"({"ms":7200000})");
  const auto forms = control_json("GET", "/forms").at("forms").as_array();
  EXPECT_EQ(forms[0].at("state").as_string(), "05");
  const auto invoice = control_json("GET", "/invoices/26990000000000000004");
  EXPECT_FALSE(invoice.at("locked").as_bool());
}

TEST_F(PlatformTest, OthersRaiseFormsThatLockOursOutAndAreNobodysPromise) {
  const auto raised = control_json(
      "POST", "/forms",
      R"({"blue_number":"26990000000000000004","initiator":"buyer","reason":"02","lines":[{"line":1,"quantity":"2","amount":"90.00","tax":"8.10"}]})");
  EXPECT_EQ(raised.at("state").as_string(), "03");
  EXPECT_EQ(list("26990000000000000004").forms.at(0).initiator, Side::buyer);
  const auto stranger =
      control_json("POST", "/forms", R"({"blue_number":"26990000000000000003","initiator":"seller","stranger":true})");
  EXPECT_EQ(stranger.at("state").as_string(), "01");
  EXPECT_EQ(apply(red()).outcome.message, "存在进行中的红字确认单保存操作");
  EXPECT_EQ(control_json("POST", "/assert", R"({"promises":[]})").at("unpromised").as_int64(), 0);
  const std::string uuid(raised.at("uuid").as_string());
  EXPECT_EQ(control_json("POST", "/forms/" + uuid + "/state", R"({"state":"10"})").at("state").as_string(), "10");
  EXPECT_EQ(control("POST", "/forms/" + uuid + "/state", R"({"state":"04"})").status, 409);
}

TEST_F(PlatformTest, TheControlInterfaceNamesWhatItCannotDo) {
  EXPECT_EQ(control("GET", "/nothing").status, 404);
  EXPECT_EQ(control("PUT", "/clock").status, 405);
  EXPECT_EQ(control("POST", "/faults", R"({"servise":"x","stall":true})").status, 400);
  EXPECT_EQ(control("POST", "/seed", "{").status, 400);
  EXPECT_EQ(control("GET", "/invoices/1").status, 404);
  EXPECT_EQ(control("POST", "/forms", R"({"blue_number":"1"})").status, 404);
  EXPECT_EQ(control("POST", "/clock/advance", "{}").status, 400);
}

TEST_F(PlatformTest, OthersMayAddEndpointsOfTheirOwn) {
  platform->add_route("POST", "/keys/{serial}/plug", [](const ControlRequest& request) {
    return ControlReply{200, "{\"plugged\":\"" + request.captured.at("serial") + "\"}"};
  });
  EXPECT_EQ(control_json("POST", "/keys/K1/plug").at("plugged").as_string(), "K1");
}

TEST_F(PlatformTest, TheLogNamesTheRequestThatCausedEachEffect) {
  apply(red());
  const auto effects = control_json("GET", "/log").at("effects").as_array();
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].at("effect").as_string(), "form_created");
  EXPECT_EQ(effects[0].at("service").as_string(), "QDHZQRDSQ");
  EXPECT_EQ(effects[0].at("request_sha256").as_string().size(), 64u);
  EXPECT_EQ(control_json("GET", "/calls").at("QDHZQRDSQ").as_int64(), 1);
  EXPECT_GT(std::filesystem::file_size(platform->log_path()), 100u);
}

TEST(PlatformStart, RefusesWhatCannotWorkWithAnId) {
  PlatformOptions options;
  options.directory = "/nonexistent";
  EXPECT_FALSE(Platform::start(options));
  const test::Workshop shop;
  options.directory = shop.path().string();
  options.sm4_key = Bytes(15);
  EXPECT_EQ(Platform::start(options).error().id, "sim.key");
  options.sm4_key.clear();
  options.profile = Profile::signed_;
  EXPECT_EQ(Platform::start(options).error().id, "sim.key_ca");
  options.profile = Profile::leqi_shape;
  options.address = "not an address";
  EXPECT_EQ(Platform::start(options).error().id, "sim.listen");
}

}  // namespace
}  // namespace taxgate::simulator
