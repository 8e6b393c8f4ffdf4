// An accountant's day at the command line, through the real daemon, real keys and the virtual platform: a file checked,
// reds one by one and many at once, approvals, the month's table, the credit line.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <iconv.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "cli/files/table.h"
#include "daemon/rules/credit.h"
#include "daemon/store/store.h"
#include "protocol/json_form.h"
#include "protocol/records.h"
#include "protocol/sm.h"
#include "simulator/device/key_authority.h"
#include "tests/system/shell.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {
namespace {

namespace fs = std::filesystem;
using api::v1::CheckReply;
using api::v1::Submission;
using rules::Month;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string gb18030(std::string utf8) {
  const iconv_t to = iconv_open("GB18030", "UTF-8");
  std::string out(utf8.size() * 2, '\0');
  char *from = utf8.data(), *at = out.data();
  std::size_t left = utf8.size(), room = out.size();
  EXPECT_EQ(iconv(to, &from, &left, &at, &room), 0U);
  iconv_close(to);
  out.resize(out.size() - room);
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Ten pieces that are together worth so much.
Invoice worth(Invoice invoice, std::int64_t yuan) {
  auto& line = invoice.lines[0];
  line.price = Decimal::from_int(yuan / 10);
  line.amount = invoice.amount = Fen{yuan * 100};
  line.tax = invoice.tax = Fen{yuan * 13};
  return invoice;
}

class Accountant : public testing::Test {
 protected:
  Accountant() : directory_(fs::temp_directory_path() / fmt::format("taxgate-accountant-{}", getpid())) {
    fs::create_directories(directory_);
    const std::string tables = file("tables.toml",
                                    "[[evidence]]\nrule = \"R33\"\nseverity = \"refuse\"\nkinds = [\"return_slip\"]\n"
                                    "reasons = [\"02\"]\nprovinces = [\"31\"]\n\n"
                                    "[[evidence]]\nrule = \"R22\"\nseverity = \"refuse\"\nkinds = [\"agreement\"]\n"
                                    "reasons = [\"04\"]\n");
    whole_ = std::make_unique<Whole>(WholeOptions{
        .more_config = fmt::format("\n[approval]\namount = \"50000.00\"\n\n[rules]\ntables_file = \"{}\"\n", tables)});
    const auto started = stand().start_taxgated();
    EXPECT_TRUE(started) << (started ? "" : started.error().id + " " + started.error().detail);
    // Two people: who hands in may approve others' work, never her own.
    EXPECT_EQ(run("caller add li --role submitter --role approver --role operator --new-token " + path("li")).exit, 0);
    EXPECT_EQ(run("caller add chief --role approver --new-token " + path("chief")).exit, 0);
  }
  ~Accountant() override {
    whole_.reset();
    fs::remove_all(directory_);
  }
  simulator::Stand& stand() { return whole_->stand(); }
  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  std::string file(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
    return path(name);
  }
  /// The command line as root; the words may hold redirections of the shell.
  Ran run(const std::string& words, const std::string& who = {}) {
    const std::string door =
        who.empty() ? "--socket " + stand().api_socket()
                    : fmt::format("--url http://127.0.0.1:{} --token-file {}", stand().api_tcp_port(), path(who));
    return run_in_shell(
        fmt::format("cd {} && {}/taxgate --lang en {} {}", directory_.string(), TAXGATE_BIN_DIR, door, words));
  }
  Submission submitted(const std::string& json_lines) {
    Submission out;
    const auto lines = lines_of(json_lines);
    EXPECT_FALSE(lines.empty());
    if (!lines.empty()) EXPECT_TRUE(from_json(lines.back(), out)) << json_lines;
    return out;
  }
  Submission ended(const std::string& id) {
    auto at = stand().wait_state(id, {"attention"}, std::chrono::seconds(60));
    EXPECT_TRUE(at);
    return at.value_or(Submission{});
  }
  /// Into the ledger only.
  void book(const std::vector<Invoice>& invoices) {
    api::v1::ImportRequest request;
    for (const auto& invoice : invoices) *request.add_invoices() = to_record(invoice);
    const auto reply = stand().call<api::v1::ImportReply>("POST", "/v1/invoices:import", &request);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->refused_size(), 0) << (reply->refused_size() ? reply->refused(0).code() : "");
  }

  fs::path directory_;
  std::unique_ptr<Whole> whole_;
};

TEST_F(Accountant, ChecksAFileOfDozensOfLinesInGb18030AndEachVerdictIsTheKnownOne) {
  struct Wanted {
    std::string answer, code;
  };
  std::vector<Wanted> wanted;
  std::vector<Invoice> blues;
  std::string csv = "销售方纳税人识别号,原蓝字发票号码,红冲原因,行号,数量,省份,备注\r\n";
  const auto row = [&](Invoice blue, const std::string& reason, const std::string& part, const std::string& province,
                       Wanted verdict, bool known = true) {
    csv += fmt::format("{},\"=\"\"{}\"\"\",{},{},{},客户退货\r\n", blue.seller.id, blue.number, reason, part, province);
    if (known) blues.push_back(std::move(blue));
    wanted.push_back(std::move(verdict));
  };
  for (int i = 0; i < 4; ++i) {
    for (int n = 1; n <= 4; ++n) row(whole_->invoice(), "销货退回", fmt::format("1,{}", n), "", {"allowed", ""});
    row(whole_->invoice(), "开票有误", ",", "", {"allowed", ""});
    row(whole_->invoice(true), "02", "1,1", "", {"counterparty_must_confirm", "R1.confirmation"});
    row(worth(whole_->invoice(), 60'000), "01", ",", "", {"needs_approval", "P5.amount"});
    row(whole_->invoice(), "02", "1,11", "", {"refused", "R2.quantity_cap"});
    row(whole_->invoice(), "01", "1,1", "", {"refused", "R4.full_only"});
    row(whole_->invoice(), "服务中止", "1,1", "", {"refused", "R13.reason"});
    row(whole_->invoice(), "02", "1,1", "31", {"refused", "R33.evidence"});
    row(whole_->invoice(), "02", "1,1", "", {"refused", "ledger.unknown_blue"}, false);
    Invoice reversed = whole_->invoice(), refund = whole_->invoice(), locked = whole_->invoice();
    reversed.status = "8";
    refund.use = "2";
    locked.locked = true;
    row(reversed, "02", "1,1", "", {"refused", "R8.fully_red"});
    row(refund, "02", "1,1", "", {"refused", "R9.use"});
    row(locked, "02", "1,1", "", {"refused", "R8.locked"});
    csv += fmt::format("{},2.699E+19,02,1,1,,\r\n", whole_->us());
    wanted.push_back({"unreadable", "files.scientific"});
  }
  book(blues);
  const std::string name = file("reds.csv", gb18030(csv));

  const Ran json = run("check " + name + " --json 2>progress", "li");  // told when a check takes more than a second
  EXPECT_EQ(json.exit, 1) << json.out;
  const auto lines = lines_of(json.out);
  ASSERT_THAT(lines, SizeIs(wanted.size())) << json.out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SCOPED_TRACE(lines[i]);
    CheckReply reply;
    ASSERT_TRUE(from_json(lines[i], reply));
    EXPECT_EQ(reply.row(), static_cast<int>(i) + 2) << "in the order of the file";
    EXPECT_EQ(reply.answer(), wanted[i].answer);
    if (wanted[i].code.empty()) continue;
    EXPECT_TRUE(std::ranges::any_of(reply.findings(), [&](const auto& f) { return f.code() == wanted[i].code; }))
        << wanted[i].code;
  }
  const Ran text = run("check " + name + " --lang zh", "li");
  EXPECT_EQ(text.exit, 1);
  EXPECT_THAT(text.out, HasSubstr("渠道: 模拟"));
  EXPECT_THAT(text.out, HasSubstr("R2.quantity_cap"));
  EXPECT_THAT(text.out, HasSubstr("拒绝: 32"));
  EXPECT_EQ(run("list --json", "li").out.find("\"id\""), std::string::npos) << "nothing was handed in";
}

TEST_F(Accountant, RedsOneByOneAndManyAtOnceThenTheMonthsTable) {
  // One by flags; one with the paper a rule demands; one part of it by the wizard's questions.
  const Invoice flags = whole_->blue(), papers = whole_->blue(), asked = whole_->blue();
  const Ran shown = run(fmt::format("red {} --preview < /dev/null", flags.number), "li");
  EXPECT_EQ(shown.exit, 2) << "without a reason there is no verdict to allow it";
  EXPECT_THAT(shown.out, HasSubstr("1,000.00"));
  const Ran one = run(fmt::format("red {} --reason 02 --line 1:quantity=3 --yes --wait 40", flags.number), "li");
  EXPECT_EQ(one.exit, 0) << one.out;
  EXPECT_THAT(one.out, HasSubstr("-300.00"));

  const std::string with = fmt::format("red {} --reason 02 --declare province=31 --yes", papers.number);
  const Ran without = run(with, "li");
  EXPECT_EQ(without.exit, 2);
  EXPECT_THAT(without.out, HasSubstr("R33.evidence"));
  const std::string slip = file("slip.pdf", "signed");
  const Ran brought = run(with + " --json --evidence return_slip=" + slip, "li");
  EXPECT_EQ(brought.exit, 0) << brought.out;
  const Submission red = ended(submitted(brought.out).id());
  EXPECT_EQ(red.state(), "issued");
  ASSERT_EQ(red.evidence_size(), 1);
  const std::string digest = lines_of(run("status >/dev/null; sha256sum " + slip, "li").out).at(0).substr(0, 64);
  EXPECT_EQ(red.evidence(0).hash(), digest);
  EXPECT_THAT(red.timeline(0).detail(), HasSubstr(digest)) << "and stands in the journal";
  EXPECT_THAT(run("show " + red.id(), "li").out, HasSubstr("slip.pdf"));
  const std::string allowance =
      fmt::format("red {} --reason 04 --line 1:amount=100 --yes --json", whole_->blue().number);
  EXPECT_THAT(run(allowance, "li").out, HasSubstr("R22.evidence"));
  const Ran agreed = run(allowance + " --evidence agreement=" + slip, "li");
  EXPECT_EQ(ended(submitted(agreed.out).id()).state(), "issued")
      << "the last check before sending knows the paper too: " << agreed.out;

  // A return and an allowance: two documents, the second sent when the first is issued (R29).
  const Ran plan =
      run(fmt::format("red {} --line 1:share=0.05,reason=04 --line 1:share=0.3,reason=02 --yes --json --evidence "
                      "agreement={}",
                      whole_->blue().number, slip),
          "li");
  const Submission second = ended(submitted(plan.out).id());
  EXPECT_EQ(second.reason() + " " + second.amount() + " " + second.state(), "04 -35.00 issued") << plan.out;

  const Ran wizard = run(fmt::format("red {} --wait 40 < {}", asked.number, file("typed", "02\np\n4\ny\n")), "li");
  EXPECT_EQ(wizard.exit, 0) << wizard.out;
  EXPECT_THAT(wizard.out, HasSubstr("-400.00"));

  // Many: those of one customer in the ledger, chosen by what they are.
  std::vector<Invoice> many;
  for (int i = 0; i < 5; ++i) {
    many.push_back(whole_->invoice());
    many.back().buyer.name = "示例批量采购有限公司";
  }
  many[4].status = "8";
  ASSERT_TRUE(stand().import_invoices(many));
  const std::string batch =
      fmt::format("red --filter 'seller={} buyer=示例批量 from={} product=10901' --reason 01 --yes --result done.csv",
                  whole_->us(), many[0].issued_at.rfc3339().substr(0, 10));
  EXPECT_EQ(run(batch + " --preview", "li").exit, 0);
  const Ran all = run(batch, "li");
  EXPECT_EQ(all.exit, 0) << all.out;
  const auto result = files::read_csv(read_all(path("done.csv")));
  ASSERT_THAT(result, SizeIs(5)) << "a heading and four; the fifth is reversed already";
  for (std::size_t i = 1; i < result.size(); ++i) EXPECT_EQ(ended(result[i].cells.at(6)).state(), "issued");
  const Ran again = run(batch, "li");
  EXPECT_EQ(again.exit, 1);
  EXPECT_THAT(again.out, HasSubstr("no invoice fits"));
  EXPECT_THAT(run("red --filter 'byer=x' --reason 01", "li").out, HasSubstr("cli.filter"));

  const std::string month = stand().legal_now().rfc3339().substr(0, 7);
  ASSERT_EQ(run(fmt::format("export reds --month {} --out reds.csv", month), "li").exit, 0);
  const auto table = files::read_csv(read_all(path("reds.csv")));
  ASSERT_THAT(table, SizeIs(11)) << "a heading and ten";
  Fen amount, tax;
  for (std::size_t i = 1; i < table.size(); ++i) {
    amount += *Fen::parse(table[i].cells.at(6));
    tax += *Fen::parse(table[i].cells.at(7));
  }
  EXPECT_EQ(amount.text(), "-6135.00");
  EXPECT_EQ(tax.text(), "-797.55");
  EXPECT_EQ(run(fmt::format("export reds --month {} --out reds.csv", month), "li").exit, 2) << "nothing is overwritten";
}

TEST_F(Accountant, ASecondPersonApprovesOrDeniesAndTheSubmitterIsRefused) {
  const Invoice large = worth(whole_->invoice(), 60'000), other = worth(whole_->invoice(), 50'000);
  ASSERT_TRUE(stand().import_invoices({large, other}));
  const Ran wants = run(fmt::format("red {} --reason 01 --yes --json", large.number), "li");
  const Submission waiting = submitted(wants.out);
  EXPECT_EQ(waiting.state(), "waiting_approval") << wants.out;
  EXPECT_EQ(wants.exit, 1) << "a person must look";
  ASSERT_EQ(waiting.timeline_size(), 1) << "the answer itself says what the rules noted";
  EXPECT_THAT(waiting.timeline(0).detail(), HasSubstr("approval: P5.amount"));
  const Ran own = run("approve " + waiting.id() + " --reason mine", "li");
  EXPECT_EQ(own.exit, 2);
  EXPECT_THAT(own.out, HasSubstr("approval.own"));
  EXPECT_EQ(run("deny " + waiting.id(), "chief").exit, 2) << "a denial needs its reason";
  const Ran yes = run("approve " + waiting.id() + " --reason 'seen the contract'", "chief");
  EXPECT_EQ(yes.exit, 0) << yes.out;
  EXPECT_EQ(ended(waiting.id()).state(), "issued");
  const std::string shown = run("show " + waiting.id(), "li").out;
  EXPECT_THAT(shown, HasSubstr("P5.amount")) << "why it waited";
  EXPECT_THAT(shown, HasSubstr("chief"));
  EXPECT_THAT(shown, HasSubstr("seen the contract"));

  const Submission denied = submitted(run(fmt::format("red {} --reason 01 --yes --json", other.number), "li").out);
  EXPECT_EQ(run("deny " + denied.id() + " --reason 'wrong month'", "chief").exit, 0);
  EXPECT_EQ(ended(denied.id()).state(), "refused");
  EXPECT_THAT(run("show " + denied.id(), "li").out, HasSubstr("wrong month"));
  EXPECT_EQ(whole_->documents_on(other), 0) << "the platform never heard of it";
}

TEST_F(Accountant, WhatANightSawAfterTheAcceptanceRefusesOrHoldsBeforeAnythingIsSent) {
  const Invoice irregular = worth(whole_->invoice(), 60'000), alerted = worth(whole_->invoice(), 60'000);
  ASSERT_TRUE(stand().import_invoices({irregular, alerted}));
  std::vector<std::string> ids;
  for (const Invoice& blue : {irregular, alerted})
    ids.push_back(submitted(run(fmt::format("red {} --reason 01 --yes --json", blue.number), "li").out).id());
  stand().taxgated().stop();
  {
    auto opened =
        store::Store::open({.path = stand().database(), .clock = &stand().platform().clock(), .vfs = {}, .probe = {}});
    ASSERT_TRUE(opened) << opened.error().id;
    auto& night = (*opened)->night();
    std::promise<Result<std::uint32_t>> number;
    night.taxpayer_number(whole_->us(), [&](Result<std::uint32_t> n) { number.set_value(n); });
    const auto taxpayer = number.get_future().get();
    ASSERT_TRUE(taxpayer);
    store::NightBatch batch;
    batch.run = 1;
    batch.taxpayer = whole_->us();
    for (const auto& [blue, field, code] :
         {std::tuple(irregular, StatusField::abnormal, "02"), std::tuple(alerted, StatusField::risk, "01")}) {
      auto& change = batch.changes.emplace_back();
      change.key = *invoice_key(*taxpayer, blue.number);
      change.after.set(field, *status_code(code));
    }
    std::promise<bool> committed;
    night.commit(std::move(batch), [&](Result<store::NightCommitted> done) { committed.set_value(done.has_value()); });
    ASSERT_TRUE(committed.get_future().get());
  }
  ASSERT_TRUE(stand().start_taxgated());
  EXPECT_EQ(run("approve " + ids[0] + " --reason ok", "chief").exit, 0);
  EXPECT_EQ(ended(ids[0]).error().code(), "R8.abnormal");
  EXPECT_EQ(run("approve " + ids[1] + " --reason ok", "chief").exit, 0);
  EXPECT_TRUE(eventually([&] { return run("holds", "li").out.find("red_alert") != std::string::npos; }));
  EXPECT_EQ(stand().show(ids[1])->state(), "queued") << "held, not refused: nothing is lost";
  EXPECT_EQ(whole_->documents_on(irregular) + whole_->documents_on(alerted), 0);
  EXPECT_THAT(run(fmt::format("red {} --reason 01 --yes", whole_->blue().number), "li").out, HasSubstr("queued"));
}

TEST_F(Accountant, ACertificateFileThatSoonExpiresIsSaidByStatusAndPreflightOfTheDaemonItself) {
  const std::string file = stand().directory() + "/platform/platform-ca.pem", good = read_all(file);
  ASSERT_FALSE(good.empty());
  const auto said = [&](const std::string& command) {
    const std::string out = run(command + " --json", "li").out;
    return out.find("doctor.certificate_expires") != std::string::npos;
  };
  EXPECT_FALSE(said("status"));
  constexpr std::int64_t kDay = 86'400'000;  // an authority's certificate is good for ten years
  const std::int64_t issued = std::int64_t{std::time(nullptr)} * 1000 - 3640 * kDay;
  std::ofstream(file) << simulator::KeyAuthority::create("CA", issued).certificate_pem();
  EXPECT_TRUE(said("status"));
  EXPECT_TRUE(said("sync preflight --config /none"));
  std::ofstream(file) << good;
  EXPECT_FALSE(said("status"));
}

TEST_F(Accountant, WhoSignedWhatIsProvedByOpensslAlone) {
  const std::string id =
      submitted(run(fmt::format("red {} --reason 01 --yes --json", whole_->blue().number), "li").out).id();
  const Submission red = ended(id);
  ASSERT_EQ(red.state(), "issued");
  const Ran json = run("proof " + id + " --json", "li");
  EXPECT_EQ(json.exit, 0);
  api::v1::SignatureList list;
  ASSERT_TRUE(from_json(json.out, list)) << json.out;
  ASSERT_EQ(list.signatures_size(), 1);
  const auto& signature = list.signatures(0);
  EXPECT_TRUE(signature.verified()) << signature.problem().code();
  EXPECT_EQ(signature.taxpayer(), whole_->us());
  EXPECT_EQ(signature.request(), id + "/apply");
  EXPECT_EQ(signature.key_serial(), red.key_serial());
  const auto row =
      std::ranges::find_if(red.timeline(), [](const auto& entry) { return entry.detail().starts_with("signed"); });
  ASSERT_NE(row, red.timeline().end());
  EXPECT_EQ(signature.seq(), row->seq());
  EXPECT_EQ(signature.signed_at(), row->at());
  const std::string page = run("proof " + id, "li").out;
  for (const std::string& part : {std::string("1 signature, verified"), whole_->us(), signature.certificate_subject(),
                                  signature.certificate_serial(), signature.key_serial(), signature.sm3()})
    EXPECT_THAT(page, HasSubstr(part));
  EXPECT_THAT(run("proof " + id + " --lang zh", "li").out, HasSubstr("1 个签名,全部验证通过"));

  const Ran written = run("proof " + id + " --to proof", "li");
  ASSERT_EQ(written.exit, 0) << written.out;
  for (const auto* name : {"01-apply.envelope", "01-apply.signature.der", "01-apply.certificate.pem", "proof.txt"})
    EXPECT_EQ(fs::status(directory_ / "proof" / name).permissions(), fs::perms::owner_read | fs::perms::owner_write)
        << name;
  EXPECT_EQ(read_all(path("proof/01-apply.envelope")), signature.envelope()) << "the very bytes";
  const std::string text = read_all(path("proof/proof.txt"));
  for (const std::string& part : {id, signature.sm3(), std::string("渠道: 模拟"), std::string("certificate's key")})
    EXPECT_THAT(text, HasSubstr(part));
  // As an accountant would, with what proof.txt says and without us.
  const auto in_proof = [&](const std::string& pick) {
    return run_in_shell(fmt::format("cd {}/proof && {{ {} proof.txt | sh -e; }}", directory_.string(), pick));
  };
  const std::string commands = "grep '^openssl'";
  const Ran verified = in_proof(commands);
  EXPECT_EQ(verified.exit, 0) << verified.out;
  EXPECT_THAT(verified.out, HasSubstr("Verified OK"));
  EXPECT_THAT(verified.out, HasSubstr(signature.sm3()));
  fs::copy_file(stand().directory() + "/key-ca.pem", directory_ / "proof/CA.pem");
  const Ran issuer = in_proof("sed -n 's/^  openssl/openssl/p'");
  EXPECT_EQ(issuer.exit, 0) << issuer.out;
  EXPECT_THAT(issuer.out, HasSubstr("01-apply.certificate.pem: OK"));

  std::string changed = signature.envelope();
  changed.back() ^= 1;
  file("proof/01-apply.envelope", changed);
  const Ran forged = in_proof(commands);
  EXPECT_NE(forged.exit, 0) << forged.out;
  EXPECT_THAT(forged.out, Not(HasSubstr("Verified OK")));

  const Ran again = run("proof " + id + " --to proof", "li");
  EXPECT_EQ(again.exit, 2);
  EXPECT_THAT(again.out, HasSubstr("cli.directory_used"));
  EXPECT_EQ(read_all(path("proof/01-apply.envelope")), changed) << "nothing is overwritten";
  EXPECT_THAT(run("proof 01987c3e-0000-7000-8000-000000000001", "li").out, HasSubstr("submission.not_found"));
  const std::string foreign = stand().options().taxpayers.at(1).party.id;
  ASSERT_EQ(run("caller add other --role auditor --taxpayer " + foreign + " --new-token " + path("other")).exit, 0);
  const Ran other = run("proof " + id + " --to other-proof", "other");
  EXPECT_EQ(other.exit, 2);
  EXPECT_THAT(other.out, HasSubstr("submission.not_found")) << "as if it did not exist";
  EXPECT_FALSE(fs::exists(directory_ / "other-proof"));
}

TEST_F(Accountant, ACallerOfOneTaxpayerSeesNoOthersHoldsAndKeys) {
  const auto& taxpayers = stand().options().taxpayers;
  const std::string &ours = taxpayers.at(0).party.id, &foreign = taxpayers.at(1).party.id;
  ASSERT_EQ(run("caller add other --role auditor --taxpayer " + foreign + " --new-token " + path("other")).exit, 0);
  ASSERT_EQ(run("hold --taxpayer " + ours + " --reason audit-of-the-bureau").exit, 0);
  for (const char* command : {"--json holds", "--json status", "--json keys"}) {
    SCOPED_TRACE(command);
    // The key host tells of its keys a moment after the start.
    EXPECT_TRUE(eventually([&] { return run(command).out.find(ours) != std::string::npos; }));
    EXPECT_THAT(run(command, "other").out, AllOf(Not(HasSubstr(ours)), Not(HasSubstr("audit-of-the-bureau"))));
  }
}

TEST_F(Accountant, TheCreditLineSaysTheLawsFourFigures) {
  const auto& taxpayers = stand().options().taxpayers;
  const Month now = Month::of(stand().legal_now());
  const auto issued = [&](const Party& seller, Month month, std::int64_t yuan) {
    Invoice out = worth(whole_->invoice(), yuan);
    out.seller = seller;
    out.issued_at = month.begin().plus_ms(1000);
    return out;
  };
  const auto credit = [&](const std::string& words, const Party& of) {
    return run(fmt::format("credit {} --taxpayer {}", words, of.id), "li");
  };
  const auto remaining = [&](const Party& of, Month month) {
    const auto statement = stand().call<api::v1::CreditStatement>(
        "GET", fmt::format("/v1/credit?taxpayer={}&month={}&platform=no", of.id, month.text()));
    EXPECT_TRUE(statement);
    return statement ? statement->remaining() : std::string();
  };

  // 700: limit 750, issued 100; a red of 10 on an earlier month's invoice gives nothing back, one of 50 on this
  // month's does. Both are large enough to be approved.
  const Party& trader = taxpayers.at(1).party;
  ASSERT_THAT(credit(fmt::format("adjust --total 7500000 --from {}-01", now.previous().text()), trader).exit,
              testing::AnyOf(0, 1));
  const Invoice of_this = issued(trader, now, 1'000'000), of_last = issued(trader, now.previous(), 200'000);
  ASSERT_TRUE(stand().import_invoices({of_this, of_last}));
  for (const auto& [blue, quantity] : {std::pair(of_this, 5), std::pair(of_last, 5)}) {
    const Submission waiting = submitted(
        run(fmt::format("red {} --reason 02 --line 1:quantity={} --yes --json", blue.number, quantity), "li").out);
    EXPECT_EQ(waiting.state(), "waiting_approval");
    EXPECT_EQ(run("approve " + waiting.id() + " --reason ok", "chief").exit, 0);
    EXPECT_EQ(ended(waiting.id()).state(), "issued");
  }
  EXPECT_NE(credit("filed --period " + now.previous().text(), trader).exit, 2);
  EXPECT_EQ(remaining(trader, now), "7000000.00");
  EXPECT_THAT(credit("", trader).out, HasSubstr("C2.cross_month"));
  EXPECT_THAT(credit("", trader).out, HasSubstr("7,000,000.00"));

  // 230, 50 and 730, a month each of one taxpayer.
  const Party& service = taxpayers.at(2).party;
  const Month last = now.previous(), second = last.previous(), third = second.previous(), fourth = third.previous();
  Invoice paper = issued(service, second, 3'500'000);
  paper.type = "04";
  paper.number = "04400260011112345678";
  book({issued(service, fourth, 4'000'000), issued(service, third, 200'000), issued(service, second, 3'000'000), paper,
        issued(service, last, 4'000'000), issued(service, now, 200'000)});
  for (const auto& [limit, from] :
       {std::pair(7'500'000, fourth), std::pair(2'500'000, third), std::pair(7'500'000, second)})
    EXPECT_NE(credit(fmt::format("adjust --total {} --from {}-01", limit, from.text()), service).exit, 2);
  EXPECT_EQ(remaining(service, third), "2300000.00") << "the lower of what was left and the new limit";
  EXPECT_NE(credit("filed --period " + fourth.text(), service).exit, 2);
  EXPECT_EQ(remaining(service, third), "2300000.00");
  EXPECT_NE(credit("filed --period " + third.text(), service).exit, 2);
  EXPECT_NE(
      credit(fmt::format("adjust --sheets 40 --per-sheet 100000 --reference P-1 --from {}-01", second.text()), service)
          .exit,
      2);
  EXPECT_EQ(remaining(service, second), "500000.00") << "paper is taken when it is picked up, not when it is issued";
  EXPECT_NE(credit("filed --period " + second.text(), service).exit, 2);
  EXPECT_EQ(remaining(service, now), "3300000.00") << "before filing, what was left of the month before is the bound";
  EXPECT_NE(credit("filed --period " + last.text(), service).exit, 2);
  EXPECT_EQ(remaining(service, now), "7300000.00");
  EXPECT_THAT(credit("--no-platform", service).out, HasSubstr("7,300,000.00"));
}

}  // namespace
}  // namespace taxgate::tests
