// The program taxgate itself, run as a process, against the real local API server with a scripted gateway behind it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/cli_fixture.h"
#include "tests/unit/protocol/openssl_command.h"

namespace taxgate::tests {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(Cli, TheSameSubmissionGivenTwiceHasOneKeyAndAnotherContentAnother) {
  gateway_.submissions = {submission("queued")};
  const std::vector<std::string> words{"submit",
                                       "--seller",
                                       "91310115TGDM00011U",
                                       "--blue",
                                       "26990000000000000001",
                                       "--reason",
                                       "02",
                                       "--line",
                                       "1:quantity=150",
                                       "--order",
                                       "A-7"};
  const auto first = run(words);
  ASSERT_EQ(first.exit, 0) << first.err;
  ASSERT_EQ(run(words).exit, 0);
  auto other = words;
  other.back() = "A-8";
  ASSERT_EQ(run(other).exit, 0);
  ASSERT_EQ(run({"submit", "--seller", "91310115TGDM00011U", "--key", "mine"}).exit, 0);

  ASSERT_EQ(gateway_.requests.size(), 4U);
  const auto& sent = gateway_.requests[0];
  EXPECT_EQ(sent.seller(), "91310115TGDM00011U");
  EXPECT_EQ(sent.blue_number(), "26990000000000000001");
  EXPECT_EQ(sent.reason(), "02");
  ASSERT_EQ(sent.lines_size(), 1);
  EXPECT_EQ(sent.lines(0).blue_line(), 1);
  EXPECT_EQ(sent.lines(0).quantity(), "150");
  EXPECT_EQ(sent.context().order(), "A-7");
  EXPECT_EQ(sent.idempotency_key(), gateway_.requests[1].idempotency_key());
  EXPECT_NE(sent.idempotency_key(), gateway_.requests[2].idempotency_key());
  EXPECT_EQ(gateway_.requests[3].idempotency_key(), "mine");
}

TEST_F(Cli, ReadsASubmissionFromAFileAndRefusesAnUnknownFieldByNameBeforeSending) {
  gateway_.submissions = {submission("queued")};
  std::ofstream(directory_ / "good.json")
      << R"({"seller":"91310115TGDM00011U","blue_number":"26990000000000000001","reason":"01"})";
  EXPECT_EQ(run({"submit", directory_ / "good.json"}).exit, 0);
  EXPECT_EQ(gateway_.requests.size(), 1U);

  std::ofstream(directory_ / "bad.json") << R"({"seler":"91310115TGDM00011U"})";
  const auto bad = run({"submit", directory_ / "bad.json"});
  EXPECT_EQ(bad.exit, 2);
  EXPECT_THAT(bad.err, HasSubstr("json.unknown_field"));
  EXPECT_THAT(bad.err, HasSubstr("seler"));
  EXPECT_EQ(gateway_.requests.size(), 1U) << "nothing may be sent";
}

TEST_F(Cli, AProofThatDoesNotVerifyIsSaidPlainlyInBothLanguages) {
  v1::SignatureList& list = gateway_.signatures_answer;
  list.set_submission("01987c3e-0000-7000-8000-000000000001");
  list.set_channel("simulator");
  const std::string to = directory_ / "proof";
  const auto nothing = run({"proof", list.submission(), "--to", to});
  EXPECT_EQ(nothing.exit, 1);
  EXPECT_THAT(nothing.out, HasSubstr("nothing is signed yet"));
  EXPECT_FALSE(fs::exists(to));
  for (const bool good : {true, false}) {
    auto& one = *list.add_signatures();
    one.set_purpose(good ? "upload" : "../../escape");
    one.set_taxpayer("110101199003074477");
    one.set_certificate_subject("CN=张三");
    one.set_envelope("TAXGATE-ENVELOPE/1\n…");
    one.set_signature(std::string(64, '\x11'));
    one.set_signer_id("a b;c");
    one.set_verified(good);
    if (!good) one.mutable_problem()->set_code("envelope.signature");
  }
  const auto bad = run({"proof", list.submission(), "--to", to});
  EXPECT_EQ(bad.exit, 1) << bad.err;
  for (const auto* part : {"2 signatures, 1 NOT VERIFIED", "01-upload", "02-unreadable", "NO. envelope.signature"})
    EXPECT_THAT(bad.out, HasSubstr(part));
  EXPECT_THAT(bad.out, Not(HasSubstr("张三"))) << "a natural person is shortened on the screen";
  EXPECT_THAT(read_all(to + "/proof.txt"), HasSubstr("2 个签名,其中 1 个验证不通过"));
  EXPECT_THAT(read_all(to + "/proof.txt"), HasSubstr("CN=张三")) << "and stands in the proof";
  EXPECT_THAT(read_all(to + "/proof.txt"), HasSubstr("-sigopt hexdistid:6120623b63 ")) << "no shell reads a signer id";
  EXPECT_EQ(read_all(to + "/02-unreadable.envelope"), list.signatures(1).envelope());
  EXPECT_EQ(std::distance(fs::directory_iterator(to), {}), 7) << "three files a signature and the text";
}

TEST_F(Cli, AProofWhoseCertificateHoldsGbkInAUtf8StringIsVerifiedByOpensslAlone) {
  const test::Workshop shop;
  const Bytes certificate = test::certificate_by(shop, "ca", test::gbk_signed_part(shop));
  v1::SignatureList& list = gateway_.signatures_answer;
  list.set_submission("01987c3e-0000-7000-8000-000000000001");
  auto& one = *list.add_signatures();
  one.set_purpose("apply");
  one.set_envelope("TAXGATE-ENVELOPE/1\n…");
  one.set_signature(std::string(as_text(test::sign(shop, "leaf", as_bytes(one.envelope())))));
  one.set_certificate(std::string(as_text(certificate)));
  one.set_signer_id(std::string(kDefaultSignerId));
  one.set_verified(true);
  const std::string to = directory_ / "proof";
  ASSERT_EQ(run({"proof", list.submission(), "--to", to}).exit, 0);
  const auto in_proof = [&](const std::string& commands) {
    const int status = std::system(("cd '" + to + "' && { " + commands + " proof.txt | sh -e; } >log 2>&1").c_str());
    return fmt::format("{} {}", WEXITSTATUS(status), read_all(to + "/log"));
  };
  const std::string own = "grep '^openssl'", issuer = "sed -n 's/^    openssl/openssl/p'";
  EXPECT_THAT(in_proof(own), AllOf(StartsWith("0 "), HasSubstr("Verified OK")));
  fs::copy_file(shop.path() / "ca.pem", to + "/CA.pem");
  EXPECT_THAT(in_proof(issuer), AllOf(StartsWith("0 "), HasSubstr("Verified OK")));
  fs::copy_file(shop.path() / "leaf.pem", to + "/CA.pem", fs::copy_options::overwrite_existing);
  EXPECT_THAT(in_proof(issuer), Not(HasSubstr("Verified OK"))) << "another authority";
  std::ofstream(to + "/01-apply.envelope") << "other bytes";
  EXPECT_THAT(in_proof(own), Not(HasSubstr("Verified OK")));
}

TEST_F(Cli, ShowsATimeLineWithEveryStateKeyReferenceAndTime) {
  auto s = submission("waiting_counterparty");
  add_row(s, 1, "accepted");
  add_row(s, 2, "signed", "TGK0001");
  add_row(s, 3, "state", "99012611000000000001");
  gateway_.submissions = {s};
  const auto english = run({"show", s.id()});
  EXPECT_EQ(english.exit, 0) << english.err;
  for (const auto* part :
       {"channel: simulator", "waiting for the other party", "-300,000.00", "-39,000.00", "02 ", "TGK0001",
        "99012611000000000001", "2026-11-22 10:19:51", "2026-11-22 10:19:53", "accepted", "signed", "local:root"})
    EXPECT_THAT(english.out, HasSubstr(part));
  const auto chinese = run({"show", s.id()}, "zh_CN.UTF-8");
  for (const auto* part : {"渠道: 模拟", "待对方确认", "原蓝字发票", "02 销货退回", "红字确认单", "时间线", "已签名"})
    EXPECT_THAT(chinese.out, HasSubstr(part));
  EXPECT_THAT(run({"--lang", "zh", "show", s.id()}).out, HasSubstr("待对方确认")) << "--lang wins over LANG";
}

TEST_F(Cli, ShortensNaturalPersonsInTextAndJsonUnlessAskedForNames) {
  auto s = submission("queued");
  s.mutable_context()->set_operator_("李四光");
  s.set_seller("11010519491231002X");  // an identity card number (the example of GB 11643)
  gateway_.submissions = {s};
  for (const auto& form : {std::vector<std::string>{"show", s.id()}, {"show", s.id(), "--json"}}) {
    const auto masked = run(form);
    EXPECT_THAT(masked.out, Not(HasSubstr("张三丰")));
    EXPECT_THAT(masked.out, Not(HasSubstr("李四光")));
    EXPECT_THAT(masked.out, Not(HasSubstr("19491231")));
    EXPECT_THAT(masked.out, HasSubstr("张*"));
    EXPECT_THAT(masked.out, HasSubstr("1101****002X"));
    auto open = form;
    open.push_back("--show-names");
    const auto full = run(open);
    EXPECT_THAT(full.out, HasSubstr("张三丰"));
    EXPECT_THAT(full.out, HasSubstr("李四光"));
    EXPECT_THAT(full.out, HasSubstr("11010519491231002X"));
  }
  s.set_seller("91310115TGDM00011U");
  gateway_.submissions = {s};
  EXPECT_THAT(run({"show", s.id()}).out, HasSubstr("91310115TGDM00011U")) << "a company is not hidden";
}

TEST_F(Cli, NamesTheChannelInEveryAnswerAndEveryRefusal) {
  gateway_.submissions = {submission("queued")};
  gateway_.status_answer.set_health("well");
  const std::vector<std::vector<std::string>> all{{"submit", "--seller", "x"},
                                                  {"list"},
                                                  {"show", "x"},
                                                  {"inbox"},
                                                  {"confirm", "u"},
                                                  {"deny", "u"},
                                                  {"revoke", "u"},
                                                  {"cancel", "x"},
                                                  {"retry", "x"},
                                                  {"resolve", "x", "--outcome", "close"},
                                                  {"approve", "x"},
                                                  {"hold", "x"},
                                                  {"release", "x"},
                                                  {"holds"},
                                                  {"hold", "--taxpayer", "t"},
                                                  {"release", "--taxpayer", "t"},
                                                  {"keys"},
                                                  {"invoice", "26990000000000000001"},
                                                  {"events"},
                                                  {"status"},
                                                  {"caller", "list"},
                                                  {"caller", "add", "erp", "--uid", "1001"},
                                                  {"caller", "remove", "erp"}};
  for (const auto& words : all) {
    const auto given = run(words);
    EXPECT_THAT(given.out, HasSubstr("channel: simulator")) << words[0] << "\n" << given.err;
    EXPECT_THAT(run(words, "zh_CN.UTF-8").out, HasSubstr("渠道: 模拟")) << words[0];
  }
  gateway_.refuse_with = {{Errc::invalid_input, "submission.not_found", "id", {}, {}, {}}};
  const auto refused = run({"show", "x"});
  EXPECT_THAT(refused.err, HasSubstr("channel: simulator"));
  EXPECT_EQ(refused.exit, 2);
}

TEST_F(Cli, StatusExitsForAMonitor) {
  const std::vector<std::pair<std::string, int>> expected{{"well", 0}, {"attention", 1}, {"failing", 2}};
  for (const auto& [health, exit] : expected) {
    gateway_.status_answer.set_health(health);
    EXPECT_EQ(run({"status"}).exit, exit) << health;
    EXPECT_EQ(run({"status", "--json"}).exit, exit) << health;
  }
  const auto gone = run({"--socket", directory_ / "nobody.sock", "status"}, "C", false);
  EXPECT_EQ(gone.exit, 2);
  EXPECT_THAT(gone.err, HasSubstr("cli.unreachable"));
}

TEST_F(Cli, StatusIsOneScreenWithHoldsKeysAndTroubles) {
  auto& s = gateway_.status_answer;
  s.set_health("attention");
  s.set_version("0.1.0");
  s.set_legal_time("2026-11-22T10:19:52.123+08:00");
  s.set_key_host_connected(true);
  auto& count = *s.add_states();
  count.set_state("outcome_unknown");
  count.set_count(2);
  auto& key = *s.add_keys();
  key.set_serial("TGK0001");
  key.set_state("pin_wrong");
  key.set_pin_tries_left(9);
  key.set_trouble("wrong PIN");
  auto& hold = *s.add_holds();
  hold.set_taxpayer("91310115TGDM00011U");
  hold.set_reason("key_locked");
  hold.set_remedy("unlock the key");
  auto& trouble = *s.add_troubles();
  trouble.set_code("key.pin_wrong");
  trouble.set_message("The PIN in the file is wrong.");
  const auto shown = run({"status"});
  for (const auto* part : {"outcome unknown", " 2", "0 of 1 keys ready", "TGK0001", "wrong PIN", "key_locked",
                           "unlock the key", "key.pin_wrong", "2026-11-22 10:19:52"})
    EXPECT_THAT(shown.out, HasSubstr(part));
  EXPECT_LE(lines_of(shown.out).size(), 24U) << "one screen";
  s.set_platform("reachable; last answer 2026-11-22 10:19:52");
  s.set_platform_zh("可用;最近应答 2026-11-22 10:19:52");
  EXPECT_THAT(run({"status"}).out, HasSubstr("reachable; last answer"));
  const auto chinese = run({"--lang", "zh", "status"});
  EXPECT_THAT(chinese.out, HasSubstr("可用;最近应答"));
  EXPECT_THAT(chinese.out, HasSubstr("口令错误")) << "the key's state";
  EXPECT_THAT(chinese.out, Not(HasSubstr("reachable")));
}

TEST_F(Cli, ARefusalShowsCodeFieldGivenAllowedAndRemedyOfEveryFinding) {
  gateway_.refuse_with = {{Errc::invalid_input, "R2.tax_cap", "lines[0].tax", "78.01", "78.00", {}},
                          {Errc::invalid_input, "R4.full_only", "lines", {}, {}, {}}};
  const auto text = run({"submit", "--seller", "91310115TGDM00011U"});
  EXPECT_EQ(text.exit, 2);
  for (const auto* part : {"R2.tax_cap", "78.01", "78.00", "R4.full_only"}) EXPECT_THAT(text.err, HasSubstr(part));
  const auto json = run({"submit", "--seller", "91310115TGDM00011U", "--json"});
  EXPECT_EQ(json.exit, 2);
  v1::ErrorBody body;
  ASSERT_TRUE(from_json(json.out, body)) << json.out;
  EXPECT_EQ(body.code(), "R2.tax_cap");
  EXPECT_EQ(body.more_size(), 1);
}

TEST_F(Cli, ABusyDaemonAndAnAbsentOneAreTheirOwnExitCode) {
  gateway_.refuse_with = {{Errc::retry_later, "store.busy", {}, {}, {}, {}}};
  EXPECT_EQ(run({"list"}).exit, 3);
  EXPECT_EQ(run({"--socket", directory_ / "nobody.sock", "list"}, "C", false).exit, 3);
  const auto json = run({"--socket", directory_ / "nobody.sock", "list", "--json"}, "C", false);
  v1::ErrorBody body;
  ASSERT_TRUE(from_json(json.out, body));
  EXPECT_EQ(body.code(), "cli.unreachable");
}

TEST_F(Cli, WatchPrintsEveryNewRowOnceAndEndsWithTheFinalState) {
  auto a = submission("queued");
  add_row(a, 1, "accepted");
  auto b = submission("waiting_counterparty");
  add_row(b, 1, "accepted");
  add_row(b, 2, "signed", "TGK0001");
  auto c = submission("issued");
  c.set_red_number("26990000000000000088");
  for (int i = 1; i <= 3; ++i)
    add_row(c, static_cast<std::uint64_t>(i), i == 1 ? "accepted" : i == 2 ? "signed" : "state");
  gateway_.submissions = {a, b, c};
  const auto watched = run({"watch", a.id()});
  EXPECT_EQ(watched.exit, 0) << watched.err;
  EXPECT_EQ(watched.out.find("2026-11-22 10:19:51"), watched.out.rfind("2026-11-22 10:19:51")) << "one row twice";
  EXPECT_THAT(watched.out, HasSubstr("26990000000000000088"));
  EXPECT_THAT(gateway_.calls, ElementsAre("get:" + a.id() + "::", "get:" + a.id() + ":wait:queued",
                                          "get:" + a.id() + ":wait:waiting_counterparty"));

  gateway_.submissions = {a, submission("void")};
  const auto json = run({"watch", a.id(), "--json"});
  EXPECT_EQ(json.exit, 1) << "a void form is for a person to look at";
  ASSERT_EQ(lines_of(json.out).size(), 2U);
  for (const auto& line : lines_of(json.out)) {
    v1::Submission read;
    EXPECT_TRUE(from_json(line, read)) << line;
  }
}

TEST_F(Cli, EveryActionReachesItsRoute) {
  gateway_.submissions = {submission("queued")};
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"cancel", "a/b", "--reason", "mistake"},
           {"retry", "i"},
           {"resolve", "i", "--outcome", "adopt", "--form", "f1"},
           {"approve", "i"},
           {"approve", "i", "--no"},
           {"hold", "i"},
           {"release", "i"},
           {"hold", "--taxpayer", "t", "--reason", "red_alert"},
           {"release", "--taxpayer", "t", "--reason", "red_alert"},
           {"release", "--taxpayer", "t"},
           {"inbox", "--taxpayer", "t"},
           {"confirm", "u1"},
           {"deny", "u2"},
           {"revoke", "u3"},
           {"invoice", "26990000000000000001"},
           {"list", "--taxpayer", "t", "--state", "held", "--blue", "b", "--limit", "7"}})
    run(words);
  EXPECT_THAT(gateway_.calls,
              ElementsAre("act:cancel:a/b:mistake", "act:retry:i:", "act:resolve:i:adoptf1",
                          "act:approve:i:", "act:deny_approval:i:", "act:hold:i:", "act:release:i:", "hold:t:red_alert",
                          "release:t:red_alert", "release:t:", "inbox:t", "answer:confirm:u1", "answer:deny:u2",
                          "answer:revoke:u3", "invoice:26990000000000000001", "list:t:held:b:7"));
}

TEST_F(Cli, FollowsEventsOneAJsonLineFromTheCursorOnUntilTheDaemonIsGone) {
  for (int i = 1; i <= 3; ++i) {
    auto& e = *gateway_.events_answer.add_events();
    e.set_cursor("c" + std::to_string(i));
    e.set_type("submission.queued");
  }
  gateway_.events_answer.set_next("c3");
  const auto followed = run({"events", "--follow", "--json", "--after", "c0"});
  EXPECT_EQ(followed.exit, 3);
  ASSERT_EQ(lines_of(followed.out).size(), 4U) << followed.out;  // three events and the error
  EXPECT_THAT(lines_of(followed.out)[2], HasSubstr("\"c3\""));
  EXPECT_THAT(gateway_.calls, ElementsAre("events:c0:", "events:c3:wait", "events:c3:wait"));
}

TEST_F(Cli, ImportTakesOneInvoiceALineAndSaysWhatWasRefused) {
  std::ofstream(directory_ / "invoices") << R"({"number":"26990000000000000001"})"
                                            "\n"
                                            R"({"number":"26990000000000000002"})"
                                            "\n";
  EXPECT_THAT(run({"import", directory_ / "invoices"}).out, HasSubstr("added 2"));
  std::ofstream(directory_ / "whole") << R"({"invoices":[{"number":"26990000000000000001"}]})";
  EXPECT_THAT(run({"import", directory_ / "whole"}).out, HasSubstr("added 1"));
  gateway_.import_answer.add_refused()->set_code("id.invoice_number_length");
  const auto refused = run({"import", directory_ / "whole"});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.err, HasSubstr("id.invoice_number_length"));
}

TEST_F(Cli, TheListOfCallersSaysHowEachIsKnown) {
  const auto add = [this](const std::string& name, bool by_token, const std::string& certificate) -> v1::CallerInfo& {
    auto& caller = *gateway_.callers_answer.add_callers();
    caller.set_name(name);
    caller.add_roles("submitter");
    caller.set_by_token(by_token);
    caller.set_certificate_sha256(certificate);
    return caller;
  };
  add("erp", false, "3f2a91c07b44" + std::string(52, '0'));
  add("portal", true, "").set_uid(1001);
  const auto listed = run({"caller", "list"});
  EXPECT_THAT(listed.out, HasSubstr("known by"));
  EXPECT_THAT(listed.out, HasSubstr("all        certificate 3F:2A:91:C0:7B:44…\n"));
  EXPECT_THAT(listed.out, HasSubstr("all        uid 1001,token\n"));
  EXPECT_THAT(run({"--lang", "zh", "caller", "list"}).out, HasSubstr("证书 3F:2A:91:C0:7B:44…"));
}

TEST_F(Cli, ANewTokenIsOnlyInItsFileAndOpensTheLoopbackDoor) {
  const auto file = directory_ / "erp.token";
  const auto added = run({"caller", "add", "erp", "--role", "auditor", "--new-token", file});
  ASSERT_EQ(added.exit, 0) << added.err;
  struct stat facts{};
  ASSERT_EQ(stat(file.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  std::string token = read_all(file);
  token.erase(token.find_last_not_of('\n') + 1);
  ASSERT_EQ(token.size(), 64U);
  ASSERT_EQ(gateway_.put.size(), 1U);
  EXPECT_EQ(gateway_.put[0].token_sha256(), api::sha256_hex(token));
  EXPECT_THAT(added.out + added.err, Not(HasSubstr(token)));

  std::uint16_t port = 0;
  on_io([&] { port = server_->tcp_port(); });
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(run({"--url", url, "--token-file", file, "list"}, "C", false).exit, 0);
  std::ofstream(directory_ / "wrong") << "0000000000000000000000000000000000000000";
  EXPECT_EQ(run({"--url", url, "--token-file", directory_ / "wrong", "list"}, "C", false).exit, 2);
  EXPECT_EQ(run({"--url", "http://192.0.2.1:80", "--token-file", file, "list"}, "C", false).exit, 2)
      << "a token stays on this machine";

  const auto again = run({"caller", "add", "erp", "--role", "auditor", "--new-token", file});
  EXPECT_EQ(again.exit, 2);
  EXPECT_THAT(again.err, HasSubstr("cli.file_exists"));
  EXPECT_THAT(read_all(file), HasSubstr(token)) << "not overwritten";
  gateway_.refuse_with = {{Errc::invalid_input, "api.forbidden", {}, {}, {}, {}}};
  EXPECT_NE(run({"caller", "add", "b", "--role", "auditor", "--new-token", directory_ / "b.token"}).exit, 0);
  EXPECT_FALSE(fs::exists(directory_ / "b.token")) << "a token nobody knows is not left behind";
}

TEST_F(Cli, ConfigCheckRunsTheDaemonsOwnCheckAndPassesItsVerdictOn) {
  const auto script = directory_ / "checker";
  std::ofstream(script) << "#!/bin/sh\necho \"$1 $2\"\n[ \"$2\" = good.toml ]\n";
  fs::permissions(script, fs::perms::owner_all);
  const auto good = run({"config", "check", "good.toml", "--taxgated", script});
  EXPECT_EQ(good.exit, 0);
  EXPECT_THAT(good.out, HasSubstr("--check-config good.toml"));
  EXPECT_EQ(run({"config", "check", "bad.toml", "--taxgated", script}).exit, 2);
  EXPECT_EQ(run({"config", "check", "good.toml", "--taxgated", directory_ / "none"}).exit, 3);
}

TEST_F(Cli, TextFromOutsideCannotSteerTheTerminal) {
  auto s = submission("attention");
  s.set_foreign_form("\x1b[2J\x1b]0;title\x07");
  gateway_.submissions = {s};
  const auto shown = run({"show", s.id()});
  EXPECT_EQ(shown.exit, 1);
  EXPECT_THAT(shown.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(shown.out, Not(HasSubstr("\x07")));
}

TEST_F(Cli, UsageMistakesAreNamedAndNothingIsSent) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes{
      {{"frobnicate"}, "cli.unknown_command"},
      {{"show"}, "cli.missing_argument"},
      {{"show", "a", "b"}, "cli.extra_argument"},
      {{"show", "a", "--frob"}, "cli.unknown_option"},
      {{"status", "--seller", "x"}, "cli.unknown_option"},
      {{"list", "--limit"}, "cli.option_value"},
      {{"--lang", "fr", "list"}, "cli.option_value"},
      {{"submit", "--line", "1=3"}, "cli.line"},
      {{"submit"}, "cli.missing_argument"},
      {{"hold"}, "cli.missing_argument"},
      {{"watch", "x", "--wait", "soon"}, "cli.number"},
      {{"caller", "add", "x", "--role", "admin"}, "cli.missing_argument"},
      {{"submit", "/nonexistent.json"}, "file."}};
  gateway_.submissions = {submission("queued")};
  for (const auto& [words, id] : mistakes) {
    const auto told = run(words);
    EXPECT_EQ(told.exit, 2) << words[0];
    EXPECT_THAT(told.err, HasSubstr(id)) << words[0];
  }
  for (const auto& call : gateway_.calls) EXPECT_EQ(call.substr(0, 4), "get:") << call;  // watch asks once
}

TEST_F(Cli, HelpNamesEveryCommandInBothLanguages) {
  const auto english = run({"help"}, "C", false), chinese = run({"help"}, "zh_CN.UTF-8", false);
  EXPECT_EQ(english.exit, 0);
  for (const auto* command :
       {"submit",      "list",          "show",         "watch",   "inbox",   "confirm",    "deny",
        "revoke",      "cancel",        "retry",        "resolve", "approve", "hold",       "release",
        "holds",       "keys",          "import",       "invoice", "events",  "status",     "caller add",
        "caller list", "caller remove", "config check", "check",   "red",     "export reds"}) {
    EXPECT_THAT(english.out, HasSubstr("\n  " + std::string(command)));
    EXPECT_THAT(chinese.out, HasSubstr("\n  " + std::string(command)));
  }
  EXPECT_THAT(chinese.out, HasSubstr("提交红字申请"));
  EXPECT_THAT(run({"submit", "--help"}, "C", false).out, HasSubstr("--line"));
  EXPECT_THAT(run({"--lang", "zh", "help", "submit"}, "C", false).out, HasSubstr("--line"));
  EXPECT_THAT(run({"--lang", "zh", "caller", "add", "--help"}, "C", false).out, HasSubstr("caller add"));
}

}  // namespace
}  // namespace taxgate::tests
