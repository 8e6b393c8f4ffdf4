// taxgated as its operators have it: reload, a full disk, the laboratory flag, what the logs show and hide.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

#include "daemon/core/clock.h"
#include "daemon/core/files.h"
#include "protocol/leqi.h"
#include "tests/system/shell.h"
#include "tests/system/whole_fixture.h"
#include "tests/unit/daemon/api/test_certificates.h"
#include "tests/unit/daemon/events/receiver.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;

std::string file(const std::string& path) { return read_file(path, 1 << 26).value_or(""); }

class Configured {
 public:
  explicit Configured(simulator::Stand& stand) : stand_(stand), text_(file(stand.taxgated_config())) {}
  /// The stand's configuration with this at its end, and SIGHUP; true when the daemon has said `event` anew.
  bool reload(const std::string& more, const std::string& event) {
    const auto before = count(event);
    EXPECT_TRUE(write_file_atomic(stand_.taxgated_config(), text_ + more));
    stand_.taxgated().signal(SIGHUP);
    return eventually([&] { return count(event) > before; });
  }

 private:
  std::size_t count(const std::string& event) const {
    const std::string log = file(stand_.taxgated_log());
    std::size_t n = 0;
    for (auto at = log.find("[" + event + "]"); at != std::string::npos; at = log.find("[" + event + "]", at + 1)) ++n;
    return n;
  }
  simulator::Stand& stand_;
  std::string text_;
};

/// "queued", "waiting_approval", or the refusal.
std::string fate_of_a_new_red(Whole& whole, const std::string& padding = {}) {
  auto request = whole.full_red(whole.blue());
  request.mutable_context()->set_project(padding);
  const auto answer = whole.stand().submit(request);
  return answer ? (answer->state() == "waiting_approval" ? answer->state() : "accepted") : answer.error().id;
}

TEST(Operations, ACallersCertificateIsListedByTheFingerprintThatOpensslShows) {
  Whole whole({.with_keys = false});
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  const std::string certificate = stand.directory() + "/portal.pem";
  TestIdentity::make("portal", nullptr).write(certificate, {});
  const auto taxgate = [&](const std::string& arguments) {
    return run_in_shell(
        fmt::format("{}/taxgate --lang en --socket {} {}", TAXGATE_BIN_DIR, stand.api_socket(), arguments));
  };
  const std::string said = run_in_shell("openssl x509 -noout -fingerprint -sha256 -in " + certificate).out;
  const std::string begin = said.substr(said.find('=') + 1, 17);  // "3F:2A:91:C0:7B:44"
  ASSERT_EQ(taxgate("caller add portal --role auditor --certificate " + certificate).exit, 0);
  ASSERT_EQ(taxgate("caller add erp --role submitter --new-token " + stand.directory() + "/erp.token").exit, 0);
  const std::string listed = taxgate("caller list").out;
  EXPECT_NE(listed.find("certificate " + begin + "…\n"), std::string::npos) << listed << said;
  EXPECT_NE(listed.find("token\n"), std::string::npos) << listed;
  const auto raw = stand.call<api::v1::CallerList>("GET", "/v1/callers");
  ASSERT_TRUE(raw);
  for (const auto& caller : raw->callers()) EXPECT_EQ(caller.token_sha256(), "") << "the hash of a token is not given";
}

TEST(Operations, AReloadedFileIsInForceAtOnceAndAnInvalidOneChangesNothing) {
  Whole whole({.with_keys = false});
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  Configured config(stand);
  EXPECT_EQ(fate_of_a_new_red(whole), "accepted");
  const std::string strict = "\n[approval]\namount = \"1000.00\"\n";
  ASSERT_TRUE(config.reload(strict, "config.reloaded"));
  EXPECT_EQ(fate_of_a_new_red(whole), "waiting_approval");
  // One fault each in the file itself, in a table and in a secret that it names: all that was in force stays.
  const std::string tables = stand.directory() + "/tables.toml";
  ASSERT_TRUE(write_file_atomic(tables, "nonsense = ["));
  for (const std::string& broken :
       {std::string("\n[approval]\namount = 1\n"), "\n[rules]\ntables_file = \"" + tables + "\"\n",
        std::string("\n[[webhook]]\nname = \"a\"\nurl = \"http://127.0.0.1:1/\"\nsecret_file = \"/nonexistent\"\n"),
        std::string("\n[[webhook]]\nname = \"a\"\nurl = \"https://127.0.0.1:1/\"\nsecret_file = \"") +
            stand.token_file() + "\"\nca_file = \"/nonexistent\"\n"}) {
    SCOPED_TRACE(broken);
    ASSERT_TRUE(config.reload(broken, "config.kept"));
    EXPECT_EQ(fate_of_a_new_red(whole), "waiting_approval");
  }
  EXPECT_NE(file(stand.taxgated_log()).find("taxgated.toml:"), std::string::npos) << "no file and line named";
  ASSERT_TRUE(config.reload("", "config.reloaded"));
  EXPECT_EQ(fate_of_a_new_red(whole), "accepted");
}

TEST(Operations, ReloadedLimitsOfTheApiAndOfThePlatformAreInForce) {
  Whole whole;
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  std::string text = file(stand.taxgated_config());
  const auto replace = [&text](const std::string& from, const std::string& to) {
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
  };
  replace("[api]\n", "[api]\nmax_body_bytes = 2048\n");
  replace("answer_ms = 1500", "answer_ms = 20000");
  ASSERT_TRUE(write_file_atomic(stand.taxgated_config(), text));
  stand.taxgated().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return file(stand.taxgated_log()).find("[config.reloaded]") != std::string::npos; }));
  EXPECT_EQ(fate_of_a_new_red(whole, std::string(3000, 'x')), "api.body_size");
  // Slower than the time-out the daemon was started with, quicker than the one in force.
  const Invoice blue = whole.blue();
  whole.fault(blue, leqi::service::apply, R"("delay_ms":3000)");
  const auto accepted = stand.submit(whole.full_red(blue));
  ASSERT_TRUE(accepted);
  const auto ended = stand.wait_state(accepted->id(), {"attention", "outcome_unknown"}, 60s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->state(), "issued");
}

TEST(Operations, AReloadedWebhookIsCheckedAgainstItsOwnAuthorityAndToldTheChannel) {
  Whole whole({.with_keys = false});
  auto& stand = whole.stand();
  const TestIdentity ca = TestIdentity::make("Hook CA", nullptr), server = TestIdentity::make("receiver", &ca);
  ca.write(stand.directory() + "/hook-ca.pem", {});
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), server.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), server.key.get());
  events::Receiver receiver([](std::size_t) { return 200; }, context.get());
  ASSERT_TRUE(stand.start_taxgated());
  Configured config(stand);
  const std::string hook = fmt::format("\n[[webhook]]\nname = \"erp\"\nurl = \"{}\"\nsecret_file = \"{}\"\n",
                                       receiver.url(), stand.token_file());
  ASSERT_TRUE(config.reload(hook, "config.reloaded"));
  EXPECT_EQ(fate_of_a_new_red(whole), "accepted");
  ASSERT_TRUE(config.reload(hook + "ca_file = \"hook-ca.pem\"\n", "config.reloaded"));
  ASSERT_TRUE(receiver.wait_requests(1));
  const auto body = boost::json::parse(receiver.requests()[0].body);
  EXPECT_EQ(body.at("channel").as_string(), "simulator");
  bool told = false;
  for (const auto& event : body.at("events").as_array())
    told = told || event.at("type").as_string() == "submission.accepted";
  EXPECT_TRUE(told) << "what happened while the receiver was not trusted is delivered later";
}

/// Runs `body` in a child that has a mount namespace of its own; its failures are ours.
void in_own_mounts(const std::function<void()>& body) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto uid = ::getuid();
    const bool root = uid == 0;
    if (::unshare(root ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(3);
    if (!root) std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(4);
    try {
      body();
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
    std::fflush(stdout);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  ASSERT_EQ(WEXITSTATUS(status), 0);
}

TEST(Operations, AFullDiskIsSaidReadingGoesOnAndWorkGoesOnWhenThereIsRoom) {
  in_own_mounts([] {
    Whole whole;
    auto& stand = whole.stand();
    const std::string state = stand.directory() + "/state", ballast = state + "/ballast";
    std::filesystem::create_directories(state);
    ASSERT_EQ(::mount("tmpfs", state.c_str(), "tmpfs", 0, "size=8m,mode=0700"), 0);
    ASSERT_TRUE(stand.start_taxgated());
    const Invoice first = whole.blue(), second = whole.blue();
    const auto kept = stand.submit(whole.full_red(first));
    ASSERT_TRUE(kept);
    {
      std::ofstream fill(ballast, std::ios::binary);
      const std::string block(4096, 'x');
      while (fill.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
      }
    }
    // The next acceptances fill what the pages of the log still have room for; then the disk is full.
    std::string refused;
    for (int i = 0; i < 400 && refused.empty(); ++i) {
      auto request = whole.full_red(second);
      request.set_idempotency_key(fmt::format("fill-{}", i));
      request.mutable_context()->set_project(std::string(4000, 'p'));
      if (const auto answer = stand.submit(request); !answer) refused = answer.error().id + " " + answer.error().detail;
    }
    EXPECT_EQ(refused, "store.full 503");
    // A hold that cannot be stored is none: in force unseen, it would keep the taxpayer's work for ever.
    api::v1::HoldRequest hold;
    hold.set_taxpayer(whole.us());
    hold.set_reason(std::string(20'000, 'h'));  // more than what was left for a submission
    std::string unheld;
    for (int i = 0; i < 400 && unheld.empty(); ++i) {
      if (const auto answer = stand.call<api::v1::HoldList>("POST", "/v1/holds", &hold); !answer)
        unheld = answer.error().id;
    }
    EXPECT_EQ(unheld, "store.full");
    EXPECT_TRUE(stand.taxgated().running());
    const auto shown = stand.show(kept->id());
    ASSERT_TRUE(shown) << "reading does not go on";
    EXPECT_EQ(shown->id(), kept->id());
    EXPECT_EQ(stand.call<api::v1::Health>("GET", "/v1/healthz")->status(), "serving");

    std::filesystem::remove(ballast);
    hold.clear_reason();
    (void)stand.call<api::v1::HoldList>("POST", "/v1/holds/release", &hold);  // of one that did find room
    const Invoice third = whole.blue();
    const auto later = submit_until_answered(stand, whole.full_red(third), 10s);
    ASSERT_TRUE(later) << later.error().id;
    for (const auto& id : {kept->id(), later->id()}) {
      const auto ended = stand.wait_state(id, {"attention"}, 60s);
      ASSERT_TRUE(ended);
      EXPECT_EQ(ended->state(), "issued");
      EXPECT_EQ(whole.documents_on(id == kept->id() ? first : third), 1);
    }
  });
}

TEST(Operations, NoLogOfABusinessDayHoldsAPayloadASecretOrAName) {
  Whole whole({.upload = true});
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  std::vector<std::string> never{simulator::kStandPin, hex(stand.platform().sm4_key()),
                                 std::string(as_text(stand.platform().sm4_key()))};
  std::string token = file(stand.token_file());
  token.erase(token.find_last_not_of('\n') + 1);
  never.push_back(token);
  const char* troubles[] = {R"("delay_ms":10)",         R"("garbage":true)",    R"("truncate_at":40)",
                            R"("status":500)",          R"("drop_after":true)", R"("duplicate_answer":true)",
                            R"("wrong_signature":true)"};
  for (const char* trouble : troubles) {
    const Invoice blue = whole.blue();
    whole.fault(blue, leqi::service::apply, trouble);
    auto request = whole.full_red(blue);
    request.mutable_context()->set_operator_("Li Si 13800138000");
    request.mutable_context()->set_contract("SECRET-CONTRACT-7");
    const auto accepted = stand.submit(request);
    ASSERT_TRUE(accepted) << accepted.error().id;
    (void)stand.wait_state(accepted->id(), {"attention"}, 60s);
    for (const std::string& text : {blue.buyer.name, blue.lines[0].name, blue.lines[0].tax_code, blue.amount.text(),
                                    blue.tax.text(), std::string("13800138000"), std::string("SECRET-CONTRACT-7")})
      never.push_back(text);
  }
  // Requests that are refused, with the words in the wrong places.
  auto wrong = whole.full_red(whole.invoice());
  wrong.set_reason("SECRET-CONTRACT-7");
  EXPECT_FALSE(stand.submit(wrong));
  wrong.mutable_blue()->set_amount("SECRET-CONTRACT-7");
  EXPECT_FALSE(stand.submit(wrong));
  stand.taxgated().stop();
  stand.keyd().stop();
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(stand.directory()))
    if (entry.is_regular_file() && entry.path().extension() == ".log" && entry.path().filename() != "platform.log")
      all += file(entry.path());
  EXPECT_NE(all.find("[daemon.ready]"), std::string::npos);
  EXPECT_NE(all.find("platform."), std::string::npos) << "no trouble was logged: nothing is shown";
  EXPECT_NE(all.find("\torder\t"), std::string::npos) << "the key host's signing log is not among them";
  for (const std::string& text : never) EXPECT_EQ(all.find(text), std::string::npos) << text;
}

struct Ended {
  int exit = -1;
  std::string said;
};
Ended run_taxgated(Whole& whole, const std::string& config, const std::vector<std::string>& more) {
  auto& stand = whole.stand();
  const std::string path = stand.directory() + "/other.toml", log = stand.directory() + "/other.log";
  EXPECT_TRUE(write_file_atomic(path, config));
  std::filesystem::remove(log);
  std::vector<std::string> command{std::string(TAXGATE_BIN_DIR) + "/taxgated", "--config", path};
  command.insert(command.end(), more.begin(), more.end());
  simulator::Child child;
  EXPECT_TRUE(child.start(command, {}, log));
  EXPECT_TRUE(child.wait(20s)) << "it runs";
  if (child.running()) child.kill();
  return {WIFEXITED(child.exit_status()) ? WEXITSTATUS(child.exit_status()) : -1, file(log)};
}
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  EXPECT_NE(text.find(from), std::string::npos) << from;
  return text.replace(text.find(from), from.size(), to);
}

TEST(Operations, TheLaboratoryIsTheSimulatorsAloneAndAForeignClockNeedsItsFlag) {
  Whole whole({.with_keys = false});
  auto& stand = whole.stand();
  const std::string config = file(stand.taxgated_config()), clock = stand.platform().clock_path();
  const TestIdentity real = TestIdentity::make("Some Real Root CA", nullptr);
  const std::string real_ca = stand.directory() + "/real.pem";
  real.write(real_ca, {});
  constexpr int kConfigRefused = 78;

  for (const char* channel : {"sandbox", "production"}) {
    const auto lab = run_taxgated(
        whole, replaced(config, "channel = \"simulator\"", fmt::format("channel = \"{}\"", channel)), {"--lab", clock});
    EXPECT_EQ(lab.exit, kConfigRefused) << lab.said;
    EXPECT_NE(lab.said.find("config.lab_channel"), std::string::npos) << lab.said;
    const auto simulators =
        run_taxgated(whole, replaced(config, "channel = \"simulator\"", fmt::format("channel = \"{}\"", channel)), {});
    EXPECT_EQ(simulators.exit, kConfigRefused) << "the simulator's authority on another channel: " << simulators.said;
    EXPECT_NE(simulators.said.find("platform.channel_ca"), std::string::npos) << simulators.said;
  }
  const auto other = run_taxgated(whole, replaced(config, stand.platform().ca_path(), real_ca), {"--lab", clock});
  EXPECT_EQ(other.exit, kConfigRefused) << other.said;
  EXPECT_NE(other.said.find("platform.channel_ca"), std::string::npos) << other.said;
  const auto key = run_taxgated(whole, replaced(config, "[taxgated]\n", "[taxgated]\nlab = true\n"), {});
  EXPECT_EQ(key.exit, kConfigRefused);
  EXPECT_NE(key.said.find("config.lab_key"), std::string::npos) << key.said;

  // Forty days ahead by the foreign clock: seen with the flag, and without it not.
  ASSERT_TRUE(stand.advance_legal_ms(40LL * 24 * LegalTime::kHourMs));
  const auto legal_day = [&] {
    const auto status = stand.call<api::v1::Status>("GET", "/v1/status");
    return status ? status->legal_time().substr(0, 10) : status.error().id;
  };
  ASSERT_TRUE(stand.start_taxgated());
  EXPECT_EQ(legal_day(), stand.legal_now().rfc3339().substr(0, 10));
  stand.taxgated().stop();
  simulator::Child plain;
  std::filesystem::remove(stand.directory() + "/state/api.json");
  ASSERT_TRUE(plain.start({std::string(TAXGATE_BIN_DIR) + "/taxgated", "--config", stand.taxgated_config()}, {},
                          stand.taxgated_log()));
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(stand.directory() + "/state/api.json"); }));
  const auto machines_day = [] { return SystemLegalClock().now().rfc3339().substr(0, 10); };
  const std::string before = machines_day();
  EXPECT_THAT(legal_day(), testing::AnyOf(before, machines_day())) << "midnight may have passed meanwhile";
}

TEST(Operations, ConfigurationErrorsOfTheRealProgramNameFileLineAndRemedy) {
  Whole whole({.with_keys = false});
  const std::string config = file(whole.stand().taxgated_config());
  struct Mistake {
    std::string text, id, place;
  };
  const Mistake mistakes[] = {
      {replaced(config, "settle_ms = 1000", "setle_ms = 1000"), "config.unknown_key", "platform.setle_ms"},
      {replaced(config, "retry_first_ms = 50", "retry_first_ms = \"soon\""), "config.type", "queue.retry_first_ms"},
      {replaced(config, "warn_before_ms = ", "filing_day = 31\nwarn_before_ms = "), "config.range", "queue.filing_day"},
      {replaced(config, "[keys]\n", "[keys\n"), "config.syntax", "other.toml:"},
      {replaced(config, "state_dir = ", "# state_dir = "), "config.missing", "taxgated.state_dir"},
  };
  for (const auto& mistake : mistakes) {
    const auto ended = run_taxgated(whole, mistake.text, {"--lab", whole.stand().platform().clock_path()});
    EXPECT_EQ(ended.exit, 78) << mistake.id;
    EXPECT_NE(ended.said.find(mistake.id), std::string::npos) << ended.said;
    EXPECT_NE(ended.said.find(mistake.place), std::string::npos) << ended.said;
    const auto line = ended.said.find("other.toml:");
    ASSERT_NE(line, std::string::npos) << ended.said;
    EXPECT_NE(std::stoi("0" + ended.said.substr(line + 11, 3)), 0) << ended.said;
    EXPECT_NE(ended.said.find("taxgated: "), std::string::npos) << "no sentence: " << ended.said;
    EXPECT_GE(std::ranges::count(ended.said, '\n'), 2) << "no remedy: " << ended.said;
  }
}

}  // namespace
}  // namespace taxgate::tests
