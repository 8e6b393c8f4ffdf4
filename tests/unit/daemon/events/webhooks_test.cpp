// Webhooks against real local receivers and a real store.
#include "daemon/events/webhooks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <latch>
#include <numeric>

#include "daemon/core/clock.h"
#include "daemon/events/event_page.h"
#include "daemon/events/http_post.h"
#include "tests/unit/daemon/api/test_certificates.h"
#include "tests/unit/daemon/events/receiver.h"

namespace taxgate::events {
namespace {

using std::chrono::milliseconds;

class WebhookTest : public ::testing::Test {
 protected:
  WebhookTest()
      : path_(std::filesystem::temp_directory_path() /
              ("taxgate-hooks-" + std::to_string(::getpid()) + "-" + std::to_string(next_++))) {
    std::filesystem::create_directories(path_);
    options_.first_pause = milliseconds(20);
    options_.longest_pause = milliseconds(80);
    options_.answer_deadline =
        milliseconds(20'000);  // no receiver is slower, whatever the machine; a silent one says so
    options_.jitter_seed = 7;
    open();
  }
  ~WebhookTest() override {
    stop();
    store_.reset();
    std::filesystem::remove_all(path_);
  }
  void open() {
    store::Options options;
    options.path = path_ / "taxgate.db";
    options.clock = &clock_;
    auto opened = store::Store::open(options);
    ASSERT_TRUE(opened) << opened.error().id;
    store_ = *std::move(opened);
    store_->on_commit([this](std::int64_t seq) {
      const std::lock_guard lock(waking_mutex_);
      if (waking_) waking_->wake(seq);
    });
  }
  void start(std::vector<Webhook> hooks) {
    hooks_ = std::make_unique<Webhooks>(*store_, options_);
    wake_on_commit(hooks_.get());
    const auto done = hooks_->configure(std::move(hooks));
    ASSERT_TRUE(done) << done.error().id;
  }
  void stop() {
    wake_on_commit(nullptr);
    hooks_.reset();
  }
  void wake_on_commit(Webhooks* hooks) {
    const std::lock_guard lock(waking_mutex_);
    waking_ = hooks;
  }
  static Webhook hook(const std::string& name, const std::string& url, std::vector<std::string> events = {}) {
    const std::string secret = "0123456789abcdef-" + name;
    auto bytes = std::make_shared<SecretBytes>(secret.size());
    std::ranges::copy(as_bytes(secret), bytes->span().begin());
    return {.name = name, .url = url, .ca_file = {}, .secret = bytes, .events = std::move(events)};
  }
  void note(const std::string& event, const std::string& blue = "26990000000000000001") {
    std::promise<Result<void>> promise;
    store::JournalRow row;
    row.event = event;
    row.blue_number = blue;
    row.principal = "taxgated";
    store_->note(row, [&](Result<void> done) { promise.set_value(std::move(done)); });
    ASSERT_TRUE(promise.get_future().get());
  }
  void note_many(int n, const std::string& event) {
    for (int i = 1; i < n; ++i) {
      store::JournalRow row;
      row.event = event;
      row.principal = "taxgated";
      store_->note(std::move(row), [](Result<void>) {});
    }
    note(event);  // the last one is waited for, so all are durable
  }
  std::int64_t cursor(const std::string& name) { return (*store_->reader())->cursor("webhook:" + name).value(); }
  std::int64_t last_seq() { return (*store_->reader())->last_seq().value(); }
  template <class F>
  bool eventually(F f) {
    for (int i = 0; i < 2000; ++i) {
      if (f()) return true;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }
  static std::vector<std::string> numbers(std::int64_t from, std::int64_t to) {
    std::vector<std::string> out;
    for (; from <= to; ++from) out.push_back(std::to_string(from));
    return out;
  }

  static inline int next_ = 0;
  std::filesystem::path path_;
  ManualClock clock_;
  WebhookOptions options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Webhooks> hooks_;
  std::mutex waking_mutex_;
  Webhooks* waking_ = nullptr;  // whom commits wake
};

TEST_F(WebhookTest, EventsArriveSignedAndInOrder) {
  Receiver receiver;
  start({hook("erp", receiver.url("/hook?x=1"))});
  const auto first = last_seq() + 1;
  for (int i = 0; i < 20; ++i) note("note");
  ASSERT_TRUE(receiver.wait_events(20));
  EXPECT_EQ(receiver.all_ids(), numbers(first, first + 19));
  for (const auto& r : receiver.requests()) {
    EXPECT_EQ(r.target, "/hook?x=1");
    EXPECT_EQ(r.headers.at("Content-Type"), "application/json");
    EXPECT_EQ(r.headers.at("Taxgate-Webhook"), "erp");
    EXPECT_EQ(r.headers.at("Taxgate-Channel"), "simulator");
    const std::string& signature = r.headers.at("Taxgate-Signature");
    const auto time = std::stoll(signature.substr(2));
    EXPECT_NEAR(static_cast<double>(time), static_cast<double>(::time(nullptr)), 60);
    EXPECT_EQ(signature, signature_header(as_bytes("0123456789abcdef-erp"), time, r.body));
  }
  const auto event = boost::json::parse(receiver.requests().front().body).at("events").at(0);
  EXPECT_EQ(event.at("type").as_string(), "gateway.note");
  EXPECT_EQ(event.at("blue_number").as_string(), "26990000000000000001");
  EXPECT_TRUE(eventually([&] { return cursor("erp") == first + 20; }));
}

TEST_F(WebhookTest, TheSignatureIsTheOneTheOpensslCommandMakes) {
  const std::string body = R"({"events":[]})", path = path_ / "signed";
  std::ofstream(path) << "1795312800." << body;
  std::FILE* pipe = ::popen(("openssl dgst -sha256 -hmac a-shared-secret-0123 -r " + path).c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::array<char, 256> line{};
  const std::string text(std::fgets(line.data(), line.size(), pipe) ? line.data() : "");
  ::pclose(pipe);
  EXPECT_EQ(signature_header(as_bytes("a-shared-secret-0123"), 1795312800, body),
            "t=1795312800,v1=" + text.substr(0, 64));
}

TEST_F(WebhookTest, AFailureIsRepeatedWithTheSameEventsUntilItIsTaken) {
  Receiver receiver([](std::size_t n) { return n == 0 ? 500 : n == 1 ? 0 : n == 2 ? 302 : n == 3 ? -1 : 200; });
  options_.answer_deadline = milliseconds(300);  // for the fourth; a slow machine may well miss it with others
  start({hook("erp", receiver.url())});
  const auto first = last_seq() + 1;
  note("note");
  ASSERT_TRUE(eventually([&] { return hooks_->states().front().delivered_seq == first; }));
  const auto requests = receiver.requests();
  EXPECT_GE(requests.size(), 5U);
  for (std::size_t n = 0; n < requests.size(); ++n) {
    EXPECT_EQ(requests[n].ids(), std::vector<std::string>{std::to_string(first)});
    EXPECT_EQ(requests[n].headers.at("Taxgate-Attempt"), std::to_string(n + 1));
  }
  note("note");
  ASSERT_TRUE(receiver.wait_requests(requests.size() + 1));
  EXPECT_EQ(receiver.requests()[requests.size()].ids(), std::vector<std::string>{std::to_string(first + 1)});
}

TEST_F(WebhookTest, NothingOvertakesAnEventThatWasNotTaken) {
  Receiver receiver([](std::size_t n) { return n % 3 == 2 ? 200 : 503; });
  options_.batch = 3;
  start({hook("erp", receiver.url())});
  const auto first = last_seq() + 1;
  for (int i = 0; i < 30; ++i) note("note", "blue-" + std::to_string(i % 4));
  ASSERT_TRUE(eventually([&] { return hooks_->states().front().delivered_seq == first + 29; }));
  // What was taken, in the order it was taken, is the journal; repeats come only before that.
  std::int64_t taken = first - 1;
  const auto requests = receiver.requests();
  for (std::size_t n = 0; n < requests.size(); ++n) {
    const auto ids = requests[n].ids();
    EXPECT_EQ(ids.front(), std::to_string(taken + 1)) << n;
    if (n % 3 == 2) taken += static_cast<std::int64_t>(ids.size());
  }
  EXPECT_EQ(taken, first + 29);
}

TEST_F(WebhookTest, ADeadWebhookDelaysNoOtherAndHoldsOneBatch) {
  Receiver silent([](std::size_t) { return -1; }), well;
  options_.answer_deadline = milliseconds(60'000);
  options_.batch = 10;
  start({hook("dead", silent.url()), hook("refusing", "http://127.0.0.1:1/"), hook("well", well.url())});
  note_many(200, "note");
  EXPECT_TRUE(well.wait_events(200));
  ASSERT_TRUE(silent.wait_requests(1));
  EXPECT_EQ(silent.requests().size(), 1U);
  EXPECT_LE(silent.requests().front().ids().size(), 10U);
  ASSERT_TRUE(eventually([&] { return hooks_->states().at(1).failures > 2; }));
  const auto refusing = hooks_->states().at(1);
  EXPECT_EQ(refusing.name, "refusing");
  EXPECT_NE(refusing.failing_since_ms, 0);
  EXPECT_NE(refusing.trouble.find("connect"), std::string::npos) << refusing.trouble;
}

TEST_F(WebhookTest, ANameServerThatIsSilentDelaysNoOtherWebhookAndNoStop) {
  const auto gate = std::make_shared<std::latch>(1);
  options_.look_up = [gate](const std::string& host) {
    if (host != "silent.example") return system_name_lookup(host);
    gate->wait();
    return FoundNames{};
  };
  options_.connect_deadline = milliseconds(60'000);
  Receiver well;
  start({hook("silent", "http://silent.example/"), hook("well", well.url())});
  note_many(20, "note");
  EXPECT_TRUE(well.wait_events(20));
  stop();  // and not before the gate opens
  gate->count_down();
}

TEST_F(WebhookTest, AfterARestartDeliveryGoesOnWhereItStopped) {
  const auto first = last_seq() + 1;
  {
    Receiver receiver;
    start({hook("erp", receiver.url())});
    for (int i = 0; i < 5; ++i) note("note");
    ASSERT_TRUE(receiver.wait_events(5));
    ASSERT_TRUE(eventually([&] { return cursor("erp") == first + 5; }));
    stop();
  }
  store_.reset();
  open();
  for (int i = 0; i < 3; ++i) note("note");  // nobody listens meanwhile
  Receiver receiver;
  start({hook("erp", receiver.url())});
  ASSERT_TRUE(receiver.wait_events(3));
  EXPECT_EQ(receiver.all_ids(), numbers(first + 5, first + 7));
}

TEST_F(WebhookTest, WhatWasSentButNotTakenBeforeARestartIsSentAgain) {
  const auto first = last_seq() + 1;
  {
    Receiver receiver([](std::size_t) { return -1; });
    options_.answer_deadline = milliseconds(60'000);
    start({hook("erp", receiver.url())});
    note("note");
    ASSERT_TRUE(receiver.wait_requests(1));
    stop();  // the receiver may or may not have worked on it
  }
  Receiver receiver;
  start({hook("erp", receiver.url())});
  ASSERT_TRUE(receiver.wait_events(1));
  EXPECT_EQ(receiver.all_ids(), std::vector<std::string>{std::to_string(first)});
}

TEST_F(WebhookTest, ANewWebhookBeginsAtTheJournalsEndAndKeepsThatPlace) {
  for (int i = 0; i < 5; ++i) note("note");
  const auto end = last_seq();
  start({hook("erp", "http://127.0.0.1:1/")});  // known from now on, though nothing can be delivered
  ASSERT_TRUE(eventually([&] { return cursor("erp") == end + 1; }));
  note("note");
  stop();
  Receiver receiver;
  start({hook("erp", receiver.url())});
  ASSERT_TRUE(receiver.wait_events(1));
  EXPECT_EQ(receiver.all_ids(), std::vector<std::string>{std::to_string(end + 1)});
}

TEST_F(WebhookTest, AFilterPassesOverTheRestButMovesOn) {
  Receiver receiver;
  start({hook("erp", receiver.url(), {"gateway.wanted", "hold.*"})});
  note_many(1200, "unwanted");
  note("wanted");
  ASSERT_TRUE(receiver.wait_events(1));
  EXPECT_EQ(receiver.all_ids(), std::vector<std::string>{std::to_string(last_seq())});
  note("unwanted");
  EXPECT_TRUE(eventually([&] { return cursor("erp") == last_seq() + 1; }));
}

TEST_F(WebhookTest, ReloadingKeepsCursorsStopsTheGoneAndStartsTheNew) {
  Receiver a, b, c;
  start({hook("a", a.url()), hook("b", b.url())});
  note("note");
  ASSERT_TRUE(a.wait_events(1));
  ASSERT_TRUE(b.wait_events(1));
  // Taken, not only received: what nobody has answered yet goes to the new address once more.
  ASSERT_TRUE(eventually([&] {
    return std::ranges::all_of(hooks_->states(), [&](const auto& state) { return state.delivered_seq == last_seq(); });
  }));
  ASSERT_TRUE(hooks_->configure({hook("a", c.url()), hook("c", c.url("/c"))}));
  note("note");
  ASSERT_TRUE(c.wait_requests(2));  // both names, now there
  for (const auto& r : c.requests()) EXPECT_EQ(r.ids(), std::vector<std::string>{std::to_string(last_seq())});
  EXPECT_EQ(a.requests().size(), 1U);
  EXPECT_EQ(b.requests().size(), 1U);
}

TEST_F(WebhookTest, AListWithAMistakeChangesNothing) {
  Receiver receiver;
  start({hook("erp", receiver.url())});
  const auto refused = [&](std::vector<Webhook> hooks) {
    const auto done = hooks_->configure(std::move(hooks));
    return done ? std::string("taken") : done.error().id;
  };
  EXPECT_EQ(refused({hook("erp", receiver.url()), hook("erp", receiver.url())}), "events.webhook_twice");
  EXPECT_EQ(refused({hook("Big Name", receiver.url())}), "events.webhook_name");
  EXPECT_EQ(refused({hook("x", "ftp://host/")}), "events.webhook_url");
  Webhook unsigned_hook = hook("x", receiver.url());
  unsigned_hook.secret = std::make_shared<SecretBytes>(3);
  EXPECT_EQ(refused({unsigned_hook}), "events.webhook_secret");
  Webhook no_ca = hook("x", "https://localhost/");
  no_ca.ca_file = path_ / "none.pem";
  EXPECT_EQ(refused({no_ca}), "events.webhook_tls");
  note("note");
  EXPECT_TRUE(receiver.wait_events(1));
}

TEST_F(WebhookTest, HttpsIsCheckedAgainstTheGivenCaAndTheHostsName) {
  const TestIdentity ca = TestIdentity::make("Hook CA", nullptr), other = TestIdentity::make("Other CA", nullptr),
                     server = TestIdentity::make("receiver", &ca);
  ca.write(path_ / "ca.pem", {});
  other.write(path_ / "other.pem", {});
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), server.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), server.key.get());
  Receiver receiver([](std::size_t) { return 200; }, context.get());
  Webhook good = hook("good", receiver.url()), foreign = hook("foreign", receiver.url()),
          renamed = hook("renamed", receiver.url());
  good.ca_file = renamed.ca_file = path_ / "ca.pem";
  foreign.ca_file = path_ / "other.pem";
  renamed.url.replace(renamed.url.find("127.0.0.1"), 9, "localhost");  // not a name of the certificate
  start({good, foreign, renamed});
  note("note");
  ASSERT_TRUE(receiver.wait_requests(1));
  ASSERT_TRUE(eventually([&] { return hooks_->states().at(0).failures > 1 && hooks_->states().at(2).failures > 1; }));
  for (const auto& r : receiver.requests()) EXPECT_EQ(r.headers.at("Taxgate-Webhook"), "good");
  EXPECT_NE(hooks_->states().at(0).trouble.find("TLS handshake"), std::string::npos);
}

TEST(WebhookUrl, OnlyPlainHttpAddressesAreTaken) {
  const auto url = read_url("https://[::1]:8443/a/b?c=d", "f");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host + " " + url->port + " " + url->target, "::1 8443 /a/b?c=d");
  EXPECT_EQ(read_url("http://h", "f")->port + read_url("https://h?x", "f")->port + read_url("https://h?x", "f")->target,
            "80443/?x");
  for (const char* bad :
       {"", "h", "ftp://h/", "http://", "http://:80/", "http://u:p@h/", "http://h:0/", "http://h:65536/", "http://h:x/",
        "http://h/a b", "http://h/#f", "http://[::1", "http://h:/", "HTTP://h/", "http://h/\n"})
    EXPECT_FALSE(read_url(bad, "f")) << bad;
}

TEST(EventForm, ARowsTypeSaysWhatHappened) {
  store::JournalRow row;
  row.seq = 255;
  row.submission = "s1";
  row.event = "state";
  row.state = "issued";
  EXPECT_EQ(event_type(row), "submission.issued");
  row.event = "signed";
  EXPECT_EQ(event_type(row), "submission.signed");
  row.submission.clear();
  for (const auto& [event, type] : std::vector<std::pair<std::string, std::string>>{{"hold", "hold.set"},
                                                                                    {"release", "hold.released"},
                                                                                    {"ledger", "ledger.imported"},
                                                                                    {"inbox", "inbox.form"},
                                                                                    {"caller", "caller.changed"},
                                                                                    {"night", "sync.issued"},
                                                                                    {"note", "gateway.note"}}) {
    row.event = event;
    EXPECT_EQ(event_type(row), type);
  }
  row.at = {1'795'300'000'000};
  const auto event = to_event(row, "sandbox");
  EXPECT_EQ(event.cursor(), "cff");
  EXPECT_EQ(event.id(), "255");
  EXPECT_EQ(event.channel(), "sandbox");
  EXPECT_TRUE(event.at().ends_with("+08:00"));
}

TEST(EventForm, APlaceWithinARowIsReadBackAndNothingElseIsTaken) {
  EXPECT_EQ(place_text({255, 0}), "cff");
  for (const Place place : {Place{0, 0}, Place{255, 0}, Place{0, 1}, Place{0x7fffffffffffffff, 0x7fffffffffffffff}})
    EXPECT_EQ(read_place(place_text(place)).value(), place);
  for (const char* bad : {"d", "d1", "d1.", "d.1", "d1.0", "d01.1", "d1.01", "d-1.1", "d1.-1", "d1.1x", "e1.1", "dF.1"})
    EXPECT_EQ(read_place(bad).error().id, "events.cursor") << bad;
}

TEST(EventForm, OnlyCursorsOfThisGatewayAreTaken) {
  EXPECT_EQ(read_cursor("").value(), 0);
  for (const std::int64_t seq : {std::int64_t{0}, std::int64_t{1}, std::int64_t{255}, std::int64_t{0x7fffffffffffffff}})
    EXPECT_EQ(read_cursor(cursor_text(seq)).value(), seq);
  for (const char* bad : {"c", "c-1", "cFF", "c01", "d1", "1", "c 1", "c1 ", "c8000000000000000",
                          "c11111111111111111111111111", "cg", "c0x1"}) {
    const auto read = read_cursor(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().id, "events.cursor");
    EXPECT_EQ(read.error().field, "after");
  }
}

}  // namespace
}  // namespace taxgate::events
