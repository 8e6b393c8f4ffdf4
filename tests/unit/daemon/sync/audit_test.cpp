#include "daemon/sync/audit.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "protocol/sign_log_line.h"
#include "protocol/sm.h"

namespace taxgate::sync {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A log as the key host writes it.
class WrittenLog {
 public:
  std::string digest(const std::string& what) const { return hex(sm3(as_bytes(what))); }
  std::uint64_t order(const std::string& request, const std::string& message) {
    line(fmt::format("{}\t2026-11-22T03:00:00.000+08:00\torder\tKEY1\tTAXPAYER\tapply\t{}\t{}", ++number_, request,
                     digest(message)));
    return number_;
  }
  void result(std::uint64_t number, const std::string& outcome = "signed") {
    line(fmt::format("{}\t2026-11-22T03:00:01.000+08:00\tresult\t{}", number, outcome));
  }
  void sign(const std::string& request, const std::string& message) { result(order(request, message)); }
  std::string text;

 private:
  void line(const std::string& content) {
    chain_ = keyd::sign_log_chain(chain_, content);
    text += content + "\t" + chain_ + "\n";
  }
  std::string chain_;
  std::uint64_t number_ = 0;
};

struct AuditRead {
  explicit AuditRead(const std::string& text, LogPlace from = {}) : log(from) {
    log.take(std::string_view(text).substr(static_cast<std::size_t>(from.offset)), signatures, gaps);
    log.sort();
  }
  std::vector<std::string> requests() const {
    std::vector<std::string> out;
    for (const auto& s : signatures) out.push_back(s.request_id);
    return out;
  }
  std::vector<std::string> named() const {
    std::vector<std::string> out;
    for (const auto& gap : gaps) out.push_back(gap.error.id + " " + gap.error.wanted);
    return out;
  }
  KeyLog log;
  std::vector<KeySignature> signatures;
  std::vector<AuditGap> gaps;
};

TEST(KeyLog, TellsEverySignatureOnceAlsoOverSeveralAudits) {
  WrittenLog written;
  written.sign("a/apply", "A");
  const auto failed = written.order("b/apply", "B");
  written.result(failed, "key.gone");
  const AuditRead first(written.text);
  EXPECT_THAT(first.requests(), ElementsAre("a/apply"));
  EXPECT_THAT(first.gaps, IsEmpty());
  EXPECT_TRUE(first.log.ordered(written.digest("B"))) << "ordered, though no key signed it";
  EXPECT_FALSE(first.log.ordered(written.digest("C")));
  written.sign("c/apply", "C");
  const AuditRead second(written.text, first.log.place());
  EXPECT_THAT(second.requests(), ElementsAre("c/apply"));
  EXPECT_THAT(second.gaps, IsEmpty());
  EXPECT_FALSE(second.log.replaced());
}

TEST(KeyLog, AnOrderWhoseResultComesAfterTheAuditIsToldByTheNext) {
  WrittenLog written;
  written.sign("a/apply", "A");
  const auto late = written.order("b/apply", "B");
  written.sign("c/apply", "C");
  const AuditRead first(written.text);
  EXPECT_THAT(first.requests(), ElementsAre("a/apply", "c/apply"));
  written.result(late);
  const AuditRead second(written.text, first.log.place());
  EXPECT_THAT(second.requests(), ElementsAre("c/apply", "b/apply")) << "from the open order on again";
}

TEST(KeyLog, ACutAtAnyLineOfAPieceChangesNothing) {
  WrittenLog written;
  for (int i = 0; i < 5; ++i) written.sign(fmt::format("{}/apply", i), fmt::format("{}", i));
  KeyLog log({});
  std::vector<KeySignature> signatures;
  std::vector<AuditGap> gaps;
  for (;;) {
    const std::string_view rest = std::string_view(written.text).substr(static_cast<std::size_t>(log.offset()));
    if (rest.empty()) break;
    log.take(rest.substr(0, rest.find('\n') + 1), signatures, gaps);
  }
  EXPECT_EQ(signatures.size(), 5U);
  EXPECT_THAT(gaps, IsEmpty());
}

TEST(KeyLog, AChangedALostAndAnUnreadableLineAreNamedEachByItsNumber) {
  WrittenLog written;
  for (int i = 1; i <= 4; ++i) written.sign(fmt::format("{}/apply", i), fmt::format("{}", i));
  std::vector<std::string> lines;
  for (std::string_view rest = written.text; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1))
    lines.emplace_back(rest.substr(0, rest.find('\n') + 1));
  const auto read_of = [](const std::vector<std::string>& all) {
    std::string text;
    for (const auto& line : all) text += line;
    return AuditRead(text);
  };
  auto changed = lines;
  changed[2].replace(changed[2].find("2/apply"), 7, "X/apply");
  EXPECT_THAT(read_of(changed).named(), ElementsAre("audit.log_broken 2"));
  auto lost = lines;
  lost.erase(lost.begin() + 2, lost.begin() + 4);
  EXPECT_THAT(read_of(lost).named(), ElementsAre("audit.log_broken 3"));
  auto unreadable = lines;
  unreadable[4] = "rubbish\n";
  const auto read = read_of(unreadable);
  EXPECT_THAT(read.named(), ElementsAre("audit.log_broken 2"));
  EXPECT_THAT(read.requests(), ElementsAre("1/apply", "2/apply", "4/apply")) << "and reading goes on behind it";
}

TEST(KeyLog, ALogThatIsNotTheOneAuditedLastIsToldSo) {
  WrittenLog written;
  written.sign("a/apply", "A");
  written.sign("b/apply", "B");
  const LogPlace place = AuditRead(written.text).log.place();
  WrittenLog anew;
  anew.sign("c/apply", "C");
  anew.sign("d/apply", "D");
  const AuditRead read(anew.text, place);
  EXPECT_TRUE(read.log.replaced());
  EXPECT_THAT(read.signatures, IsEmpty());
}

TEST(AuditJudge, EachKindOfUnknownSignatureHasItsName) {
  const KeySignature s{
      .number = 7, .key_serial = "KEY1", .taxpayer = "T", .request_id = "r/apply", .message_sm3 = {}, .before = {}};
  const auto id = [&](RequestKnown known) {
    const auto gap = judge(s, known);
    return gap ? gap->error.id + " " + gap->error.wanted : std::string();
  };
  EXPECT_EQ(id({.submission = false}), "audit.unknown_order 7");
  EXPECT_EQ(id({.submission = true}), "audit.not_kept 7");
  EXPECT_EQ(id({.submission = true, .kept = true}), "");
  EXPECT_EQ(id({.submission = true, .open = true}), "") << "its signature is on its way to the journal";
}

TEST(AuditJudge, CountsAllAndNamesAsManyAsAPageHolds) {
  Audit audit;
  for (std::size_t i = 0; i < kMaxGaps + 5; ++i) audit.add({.failing = i % 2 == 0, .error = {}});
  EXPECT_EQ(audit.gaps, kMaxGaps + 5);
  EXPECT_EQ(audit.failing, (kMaxGaps + 5 + 1) / 2);
  EXPECT_EQ(audit.named.size(), kMaxGaps);
}

}  // namespace
}  // namespace taxgate::sync
