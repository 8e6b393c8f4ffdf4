// What leaves, on which connection, and how many at once.
#include <zlib.h>

#include <map>

#include "tests/unit/daemon/platform/fixture.h"

namespace taxgate::platform_test {
namespace {

class Calls : public PlatformTest {
 protected:
  std::atomic<int> requests{0};
};

std::string gzipped(const std::string& plain) {
  z_stream s{};
  deflateInit2(&s, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&s, plain.size()) + 32, '\0');
  s.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  s.avail_in = static_cast<uInt>(plain.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  deflate(&s, Z_FINISH);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

TEST_F(Calls, AnApplyLeavesSealedWithItsHeadersAndComesBack) {
  Request seen;
  const auto stop = stop_at_end();
  settings.using_unit = "unit-u";
  serve([&](Peer& peer) {
    while (peer.read(seen)) peer.write(http(200, ok_reply()));
  });
  const std::string json = "{\"lzfphm\":\"26990000000000000001\",\"备注\":\"exactly these bytes\"}";
  const auto r = apply(json);
  ASSERT_TRUE(r) << r.error().id;
  EXPECT_EQ(r->state, "02");
  EXPECT_EQ(r->uuid, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(seen.line, "POST /access/v2/invoke/202007/QDHZQRDSQ/ HTTP/1.1");
  EXPECT_EQ(seen.headers["fwbm"], "QDHZQRDSQ");
  EXPECT_EQ(seen.headers["nlbm"], "202007");
  EXPECT_EQ(seen.headers["jrdwptbh"], "unit-a");
  EXPECT_EQ(seen.headers["sydwptbh"], "unit-u");
  EXPECT_TRUE(seen.headers.contains("access_signature"));
  EXPECT_EQ(seen.headers["access_signature"], "");
  EXPECT_FALSE(seen.headers.contains("ylbm"));
  EXPECT_EQ(seen.headers["host"], "127.0.0.1:" + std::to_string(server->port()));
  EXPECT_EQ(seen.body.find("lzfphm"), std::string::npos) << "the body must not travel in the clear";
  const auto opened = leqi::open(seen.body, key());
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, json);
}

TEST_F(Calls, TheSandboxHasItsOwnPathAndTestCase) {
  Request seen;
  const auto stop = stop_at_end();
  settings.sandbox = true;
  settings.test_case = "case-7";
  serve([&](Peer& peer) {
    while (peer.read(seen)) peer.write(http(200, ok_reply()));
  });
  ASSERT_TRUE(apply());
  EXPECT_EQ(seen.line, "POST /access/sandbox/v2/invoke/202007/QDHZQRDSQ/ HTTP/1.1");
  EXPECT_EQ(seen.headers["ylbm"], "case-7");
  EXPECT_EQ(seen.headers["sxcsbz"], "Y");
}

TEST_F(Calls, EachOperationNamesItsServiceAndReadsItsAnswer) {
  std::map<std::string, std::string> answers;
  const auto stop = stop_at_end();
  leqi::DetailReply detail;
  detail.outcome = {"00", ""};
  detail.form.uuid = "0123456789abcdef0123456789abcdef";
  detail.form.number = "31019926110000000001";
  detail.form.state = "99";  // unknown codes are kept
  detail.form.seller = {kTaxpayer, "甲"};
  detail.form.buyer = {"91420106TGDM00214A", "乙"};
  detail.form.blue_number = "26990000000000000001";
  detail.form.reason = "02";
  detail.form.amount = {-100};
  detail.form.tax = {-13};
  detail.form.entered_at = *LegalTime::parse("2026-11-22 10:00:00");
  table::Row row;
  row.request_number = "990000000009261122101500";
  row.number = "9900002611000097";
  row.status = "TZD0000";
  row.status_text = "审核通过";
  answers[std::string(leqi::service::confirm)] = leqi::confirm_reply_json({{"00", ""}, "04"});
  answers[std::string(leqi::service::upload)] = leqi::upload_reply_json({{"00", ""}, "receipt-1"});
  answers[std::string(leqi::service::detail)] = leqi::detail_reply_json(detail);
  answers[std::string(leqi::service::upload_result)] = leqi::upload_result_reply_json({{"00", ""}, "01", "", "", {}});
  answers[std::string(leqi::service::invoice_status)] =
      leqi::invoice_status_reply_json({{"00", ""}, "26990000000000000001", "0", "0", "01", false, {100}, {13}});
  answers[std::string(leqi::service::table_upload)] = leqi::table_json(*table::upload_reply_xml(row));
  answers[std::string(leqi::service::table_download)] = leqi::table_json(*table::download_reply_xml({}));
  serve([&](Peer& peer) {
    Request r;
    while (peer.read(r)) {
      ++requests;
      peer.write(http(200, *leqi::make_reply(answers[r.headers["fwbm"]], key())));
    }
  });
  const auto confirmed =
      run<leqi::ConfirmReply>([&](auto done) { client->answer({kTaxpayer, "{}", nullptr}, std::move(done)); });
  ASSERT_TRUE(confirmed) << confirmed.error().id;
  EXPECT_EQ(confirmed->state, "04");
  const auto uploaded =
      run<leqi::UploadReply>([&](auto done) { client->upload({kTaxpayer, "{}", nullptr}, std::move(done)); });
  ASSERT_TRUE(uploaded) << uploaded.error().id;
  EXPECT_EQ(uploaded->receipt, "receipt-1");
  const auto shown = run<leqi::DetailReply>(
      [&](auto done) { client->detail(kTaxpayer, {kTaxpayer, detail.form.uuid, ""}, std::move(done)); });
  ASSERT_TRUE(shown) << shown.error().id << shown.error().detail;
  EXPECT_EQ(shown->form.state, "99");
  const auto result = run<leqi::UploadResultReply>(
      [&](auto done) { client->upload_result(kTaxpayer, {kTaxpayer, "receipt-1", ""}, std::move(done)); });
  ASSERT_TRUE(result) << result.error().id;
  EXPECT_EQ(result->result, "01");
  const auto status = run<leqi::InvoiceStatusReply>(
      [&](auto done) { client->invoice_status(kTaxpayer, {kTaxpayer, "26990000000000000001"}, std::move(done)); });
  ASSERT_TRUE(status) << status.error().id;
  EXPECT_EQ(status->status, "0");
  const auto tabled = run<table::Row>(
      [&](auto done) { client->upload_table({kTaxpayer, "{\"xml\":\"\"}", nullptr}, std::move(done)); });
  ASSERT_TRUE(tabled) << tabled.error().id << tabled.error().detail;
  EXPECT_EQ(tabled->number, "9900002611000097");
  table::DownloadRequest ask;
  ask.taxpayer = kTaxpayer;
  ask.tax_device = "990000000009";
  ask.from = *LegalTime::parse("2026-11-01");
  ask.to = *LegalTime::parse("2026-11-22");
  const auto rows =
      run<table::DownloadReply>([&](auto done) { client->download_tables(kTaxpayer, ask, std::move(done)); });
  ASSERT_TRUE(rows) << rows.error().id << rows.error().detail;
  EXPECT_EQ(requests, 7);
  EXPECT_EQ(server->connections(), 1) << "all on one kept connection";
}

TEST_F(Calls, ASignedProfileCarriesTheEnvelopeWhereConfigured) {
  Request seen;
  const auto stop = stop_at_end();
  SignedEnvelope evidence;
  evidence.bytes = *make_envelope({"simulator", kTaxpayer, "apply", "id/apply"}, as_bytes("{}"));
  evidence.signature.fill(7);
  evidence.certificate = {4, 5};
  evidence.signer_id = "1234567812345678";
  for (const char* header : {"X-Envelope", "Access_Signature"}) {
    settings.signed_profile = true;
    settings.signature_header = header;
    serve([&](Peer& peer) {
      while (peer.read(seen)) peer.write(http(200, ok_reply()));
    });
    ASSERT_TRUE(apply("{}", &evidence));
    std::string name = header;
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto carried = leqi::read_signature_value(seen.headers[name], "{}");
    ASSERT_TRUE(carried) << header;
    EXPECT_EQ(carried->bytes, evidence.bytes);
    EXPECT_EQ(carried->signature, evidence.signature);
    EXPECT_EQ(carried->certificate, evidence.certificate);
  }
  settings.signed_profile = false;
  settings.signature_header = "X-Envelope";
  serve([&](Peer& peer) {
    while (peer.read(seen)) peer.write(http(200, ok_reply()));
  });
  ASSERT_TRUE(apply("{}", &evidence));
  EXPECT_FALSE(seen.headers.contains("x-envelope"));
}

TEST_F(Calls, CompressedAnswersAreRead) {
  Request seen;
  const auto stop = stop_at_end();
  serve([&](Peer& peer) {
    while (peer.read(seen)) peer.write(http(200, gzipped(ok_reply()), "Content-Encoding: gzip\r\n"));
  });
  EXPECT_TRUE(apply());
  EXPECT_EQ(seen.headers["accept-encoding"], "gzip");
}

TEST_F(Calls, ABombOfZeroesIsNotInflated) {
  const std::string bomb = gzipped(std::string(platform::kMaxAnswer + 1, '0'));
  const auto stop = stop_at_end();
  serve([&](Peer& peer) {
    Request r;
    while (peer.read(r)) peer.write(http(200, bomb));
  });
  const auto r = apply();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::outcome_unknown);
  EXPECT_THAT(r.error().detail, testing::HasSubstr("platform.gzip"));
}

TEST_F(Calls, OneConnectionServesManyCalls) {
  serve([&](Peer& peer) {
    Request r;
    while (peer.read(r)) peer.write(http(200, ok_reply()));
  });
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(apply());
  EXPECT_EQ(server->connections(), 1);
}

TEST_F(Calls, AConnectionTheServerHasClosedMeanwhileIsFoundDeadBeforeWriting) {
  for (const bool hard : {false, true}) {
    requests = 0;
    serve([&](Peer& peer) {
      Request r;
      if (!peer.read(r)) return;
      ++requests;
      peer.write(http(200, ok_reply()));
      hard ? peer.reset() : peer.close();
    });
    for (int i = 0; i < 5; ++i) {
      const auto r = apply();
      ASSERT_TRUE(r) << r.error().id;
      ASSERT_TRUE(server->all_closed());
    }
    EXPECT_EQ(requests, 5);
  }
}

TEST_F(Calls, AnActOnAKeptConnectionThatDiesUnderItIsNeverRepeated) {
  serve([&](Peer& peer) {
    Request r;
    if (!peer.read(r)) return;
    peer.write(http(200, ok_reply()));
    if (peer.read(r)) ++requests;  // taken, and gone
    peer.reset();
  });
  ASSERT_TRUE(apply());
  const auto r = apply();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::outcome_unknown);
  EXPECT_EQ(requests, 1);
  EXPECT_EQ(server->connections(), 1);
}

TEST_F(Calls, AQueryOnAKeptConnectionThatDiesUnderItIsRepeatedOnce) {
  serve([&](Peer& peer) {
    Request r;
    if (!peer.read(r)) return;
    ++requests;
    peer.write(http(200, ok_list()));
    if (peer.number > 0) return peer.wait_for_end();
    if (peer.read(r)) ++requests;
    peer.reset();
  });
  ASSERT_TRUE(list());
  const auto second = list();
  ASSERT_TRUE(second) << second.error().id;
  EXPECT_EQ(requests, 3);
  EXPECT_EQ(server->connections(), 2);
}

TEST_F(Calls, AQueryOnAFreshConnectionThatDiesIsLeftToTheCaller) {
  serve([&](Peer& peer) {
    Request r;
    requests += peer.read(r);
    peer.reset();
  });
  const auto r = list();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::retry_later);
  EXPECT_EQ(requests, 1);
}

TEST_F(Calls, NeverMoreAtOnceThanConfigured) {
  settings.max_concurrent = 3;
  settings.calls_per_second = 1000;
  std::atomic<int> now{0}, peak{0};
  const auto stop = stop_at_end();
  serve([&](Peer& peer) {
    Request r;
    while (peer.read(r)) {
      peak = std::max(peak.load(), ++now);
      // All three at once, however slow the machine, and then a moment in which a fourth would be seen.
      for (const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
           peak < 3 && std::chrono::steady_clock::now() < until;)
        std::this_thread::sleep_for(milliseconds(1));
      std::this_thread::sleep_for(milliseconds(10));
      --now;
      peer.write(http(200, ok_reply()));
    }
  });
  int replies = 0;
  for (int i = 0; i < 12; ++i)
    client->apply({kTaxpayer, "{}", nullptr}, [&](auto r) {
      EXPECT_TRUE(r);
      ++replies;
    });
  while (replies < 12) io.run_one_for(milliseconds(1000)), io.restart();
  EXPECT_EQ(peak, 3);
  EXPECT_EQ(server->connections(), 3);
}

TEST_F(Calls, TheDaysBudgetShedsAndTheSecondsBudgetWaits) {
  settings.calls_per_day = 3;
  settings.calls_per_second = 2;
  serve([&](Peer& peer) {
    Request r;
    while (peer.read(r)) peer.write(http(200, ok_reply()));
  });
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(apply());
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(900));
  EXPECT_THAT(client->state_line(Language::english), testing::HasSubstr("; 0 calls left in 24 h"));
  const auto r = apply();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::limit_reached);
  EXPECT_EQ(r.error().id, "platform.budget_day");
}

TEST_F(Calls, ACallThatWaitsTooLongForItsTurnIsShedNotSent) {
  settings.max_concurrent = 1;
  settings.answer = milliseconds(200);
  serve([&](Peer& peer) {
    Request r;
    requests += peer.read(r);
    peer.wait_for_end();
  });
  std::vector<std::string> got;
  for (int i = 0; i < 3; ++i) client->apply({kTaxpayer, "{}", nullptr}, [&](auto r) { got.push_back(r.error().id); });
  while (got.size() < 3) io.run_one_for(milliseconds(1000)), io.restart();
  EXPECT_THAT(got, testing::UnorderedElementsAre("platform.no_answer", "platform.budget_wait", "platform.budget_wait"));
}

TEST_F(Calls, TheStateLineSaysHowThePlatformIs) {
  serve([&](Peer& peer) {
    Request r;
    while (peer.read(r)) peer.write(++requests == 2 ? http(500, "") : http(200, ok_reply()));
  });
  EXPECT_THAT(client->state_line(Language::english), testing::StartsWith("not asked yet"));
  EXPECT_THAT(client->state_line(Language::chinese), testing::StartsWith("尚未查询;最近应答 无;24 小时内剩余调用 "));
  (void)apply();
  EXPECT_THAT(client->state_line(Language::english), testing::StartsWith("reachable; last answer 20"));
  (void)apply();
  EXPECT_THAT(client->state_line(Language::english), testing::StartsWith("trouble: platform.http_status"));
  EXPECT_THAT(client->state_line(Language::chinese), testing::StartsWith("异常:platform.http_status;最近应答 20"));
  (void)apply();
  EXPECT_THAT(client->state_line(Language::english), testing::StartsWith("reachable"));
}

}  // namespace
}  // namespace taxgate::platform_test
