// Keys behind vendors' SKF libraries in the real key host: every layout, and every way a library can be bad.
#include <elf.h>

#include <cstring>

#include "protocol/messages.h"
#include "tests/system/shell.h"
#include "tests/system/skf_stack.h"

namespace taxgate::tests {
namespace {

const std::vector<std::string> kEveryLayout{"narrow_packed", "narrow_padded", "wide_packed", "wide_padded"};

std::string sentence(const keyd::v1::Failure& failure, Language language = Language::english) {
  const Error error = keyd::from_failure(failure);
  return message_text(error, language) + " " + remedy_text(error, language);
}

TEST(SkfKeys, OfEveryLayoutSignWhatTheirCertificatesVerify) {
  SkfStack stack({.layouts = kEveryLayout});
  stack.start_keyd();
  for (unsigned i = 0; i < kEveryLayout.size(); ++i) {
    ASSERT_TRUE(stack.wait_state(i, "ready")) << kEveryLayout[i];
    EXPECT_EQ(stack.sign(i, fmt::format("layout-{}", i)), "signed") << kEveryLayout[i];
    EXPECT_EQ(stack.key(i).counters().verify_attempts, 1U);
    EXPECT_EQ(stack.key(i).counters().signatures, 1U);
  }
  std::ifstream maps(fmt::format("/proc/{}/maps", stack.keyd_pid()));
  for (std::string line; std::getline(maps, line);)
    EXPECT_EQ(line.find("/lib0.so"), std::string::npos) << "the host itself never loads a library";
}

TEST(SkfKeys, AreTakenByDeviceNameSerialApplicationAndContainer) {
  SkfStack stack(
      {.layouts = std::vector<std::string>(4, "narrow_packed"),
       .skf_extra = {"device = \"Ke\"\nserial = \"SIMSKF0000\"\napplication = \"TAXGATE\"\ncontainer = \"SIGN\"",
                     "serial = \"SOMEBODY\"", "container = \"OTHER\"", "device = \"Other\""}});
  stack.start_keyd();
  EXPECT_TRUE(stack.wait_state(0, "ready"));
  EXPECT_TRUE(stack.wait_trouble(SkfStack::own_reader(1) + " Key", "skf.serial"));
  EXPECT_TRUE(stack.wait_trouble(SkfStack::own_reader(2) + " Key", "key.no_container"));
  EXPECT_TRUE(stack.wait_until([&] { return stack.keyd_log().find("lib3.so is watched") != std::string::npos; },
                               "the last library is not watched"));
  for (const auto& key : stack.keys_seen()) EXPECT_FALSE(key.reader().starts_with(SkfStack::own_reader(3)));
  for (const unsigned i : {1U, 2U, 3U}) EXPECT_EQ(stack.key(i).counters().verify_attempts, 0U) << i;
}

TEST(SkfKeys, PulledAndPutBackSignAgainAndSpendNoTry) {
  SkfStack stack({.layouts = {"wide_packed"}});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  EXPECT_EQ(stack.sign(0, "before"), "signed");
  stack.device(0).pull();
  ASSERT_TRUE(stack.wait_state(0, "gone"));
  EXPECT_EQ(stack.sign(0, "meanwhile"), "key.none");
  stack.device(0).plug();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  EXPECT_EQ(stack.sign(0, "after"), "signed");
  EXPECT_EQ(stack.key(0).counters().verify_failures, 0U);
}

TEST(SkfKeys, ThatVanishUnderASignatureLeaveTheOutcomeOpenAndTheOrderIsSignedAfterwards) {
  SkfStack stack({.layouts = {"narrow_packed"}});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  stack.fault(0, "0A000023 SKF_ECCSignData");
  EXPECT_EQ(stack.sign(0, "vanished"), "key.interrupted");
  stack.fault(0, {});
  EXPECT_TRUE(stack.sign_at_last(0, "vanished"));
  const auto logins = stack.key(0).counters().verify_attempts;
  stack.fault(0, "0A00002D SKF_ECCSignData");  // the library lost the login
  EXPECT_EQ(stack.sign(0, "logged-out"), "key.reset");
  EXPECT_GT(stack.key(0).counters().verify_attempts, logins) << "taken up again in the same session";
  stack.fault(0, {});
  EXPECT_TRUE(stack.sign_at_last(0, "logged-out"));
  EXPECT_EQ(stack.key(0).counters().verify_failures, 0U);
}

TEST(SkfKeys, WithAWrongPinSpendOneTryAndNoSecondAlsoAfterARestart) {
  SkfStack stack({.layouts = {"narrow_padded"}});
  stack.write_pin(0, "654321");
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "pin_wrong key.pin_wrong"));
  const auto left = stack.key(0).user_pin().tries_left;
  EXPECT_EQ(left, stack.key(0).user_pin().max_tries - 1);
  for (const auto& key : stack.keys_seen()) EXPECT_EQ(key.pin_tries_left(), static_cast<int>(left));
  stack.stop_keyd();
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "pin_wrong key.pin_wrong"));
  EXPECT_EQ(stack.key(0).user_pin().tries_left, left) << "tried by itself again";
  stack.write_pin(0, KeydStack::kPin);
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  EXPECT_EQ(stack.sign(0, "corrected"), "signed");
}

TEST(SkfLibraries, OfAnUnknownLayoutAreRefusedInOneSentenceBeforeAnyPin) {
  SkfStack stack({.layouts = {"strange", "narrow_packed"}});
  stack.start_keyd();
  const std::string reader = SkfStack::own_reader(0) + " Key";
  ASSERT_TRUE(stack.wait_trouble(reader, "skf.abi"));
  const auto trouble = stack.trouble(reader);
  EXPECT_EQ(sentence(trouble),
            "The SKF library " + stack.library(0) +
                " lays out its data in a way we do not know (DEVINFO of 390 bytes); it is not used. Ask "
                "the vendor for a GM/T 0016 library for 64-bit Linux, and report the model and these words.");
  EXPECT_NE(sentence(trouble, Language::chinese).find(stack.library(0)), std::string::npos);
  EXPECT_EQ(stack.key(0).counters().verify_attempts, 0U);
  ASSERT_TRUE(stack.wait_state(1, "ready"));
  EXPECT_EQ(stack.sign(1, "beside"), "signed");
}

TEST(SkfLibraries, ThatCannotBeUsedAreNamedWithTheReasonAndUsedOnceTheyAreReplaced) {
  SkfStack stack({.layouts = {"partial", "narrow_packed", "narrow_packed", "narrow_packed", "narrow_packed"}});
  ::chmod(stack.library(1).c_str(), 0777);
  std::filesystem::remove(stack.library(2));
  Elf32_Ehdr narrow{};
  std::memcpy(narrow.e_ident, ELFMAG, SELFMAG);
  narrow.e_ident[EI_CLASS] = ELFCLASS32;
  narrow.e_ident[EI_DATA] = ELFDATA2LSB;
  narrow.e_type = ET_DYN;
  narrow.e_machine = EM_386;
  std::filesystem::remove(stack.library(3));
  std::ofstream(stack.library(3), std::ios::binary).write(reinterpret_cast<const char*>(&narrow), sizeof narrow);
  stack.start_keyd();
  const char* expected[] = {"skf.symbol", "skf.writable", "skf.missing", "skf.elf"};
  const std::string why[] = {"SKF_ECCSignData", stack.library(1), "No such file or directory", "32 bits, not 64"};
  for (unsigned i = 0; i < 4; ++i) {
    ASSERT_TRUE(stack.wait_trouble(SkfStack::own_reader(i), expected[i]));
    const auto trouble = stack.trouble(SkfStack::own_reader(i));
    EXPECT_EQ(trouble.left(), why[i]);
    EXPECT_NE(sentence(trouble).find(stack.library(i)), std::string::npos) << sentence(trouble);
    EXPECT_EQ(stack.key(i).counters().commands, 0U) << "nothing was asked of a key behind it";
  }
  const Ran check =
      run_in_shell(fmt::format("{}/taxgate-keyd --config {}/keyd.toml --check", TAXGATE_BIN_DIR, stack.directory()));
  EXPECT_EQ(check.exit, 2) << "said before the service starts";
  EXPECT_NE(check.out.find(sentence(stack.trouble(SkfStack::own_reader(1)))), std::string::npos) << check.out;
  ASSERT_TRUE(stack.wait_state(4, "ready"));
  EXPECT_EQ(stack.sign(4, "beside"), "signed");
  stack.install(0, "narrow_packed");
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  EXPECT_EQ(stack.sign(0, "replaced"), "signed");
  EXPECT_EQ(stack.trouble(SkfStack::own_reader(0)).id(), "") << "the library itself is no news any more";
}

TEST(SkfLibraries, ThatHangAreKilledByTheirDeadlineAndOthersSignOn) {
  SkfStack stack(
      {.layouts = {"wide_padded", "narrow_packed"}, .extra_config = "[deadlines]\nsign_ms = 1500\nopen_ms = 3000"});
  stack.start_keyd();
  for (unsigned i = 0; i < 2; ++i) ASSERT_TRUE(stack.wait_state(i, "ready"));
  stack.fault(0, "hang SKF_ECCSignData");
  std::string hung;
  std::thread waiting([&] { hung = stack.sign(0, "hangs", 2500); });
  EXPECT_EQ(stack.sign(1, "beside"), "signed") << "while the other library does not come back";
  waiting.join();
  EXPECT_TRUE(hung == "key.hung" || hung == "key.busy") << hung;  // by the key's deadline or by the order's
  stack.fault(0, {});
  EXPECT_TRUE(stack.sign_at_last(0, "hangs"));
  // The same for the list of devices, which a process of its own asks for.
  stack.fault(0, "hang SKF_EnumDev");
  ASSERT_TRUE(stack.wait_trouble(SkfStack::own_reader(0), "skf.hung"));
  EXPECT_EQ(stack.sign(0, "listing-hangs"), "signed") << "its key has a worker of its own";
  EXPECT_EQ(stack.sign(1, "beside-again"), "signed");
  stack.fault(0, {});
  EXPECT_TRUE(stack.wait_trouble(SkfStack::own_reader(0), ""));
  EXPECT_EQ(stack.key(0).counters().verify_failures, 0U);
}

TEST(SkfLibraries, ThatEndTheirProcessTakeNobodyAlong) {
  SkfStack stack({.layouts = {"narrow_padded", "wide_packed"}});
  stack.start_keyd();
  const pid_t host = stack.keyd_pid();
  for (unsigned i = 0; i < 2; ++i) ASSERT_TRUE(stack.wait_state(i, "ready"));
  stack.fault(0, "crash SKF_ECCSignData");
  EXPECT_EQ(stack.sign(0, "crashes"), "skf.crashed");
  EXPECT_EQ(stack.sign(1, "beside"), "signed");
  stack.fault(0, {});
  EXPECT_TRUE(stack.sign_at_last(0, "crashes"));
  EXPECT_NE(stack.keyd_log().find("signal 11"), std::string::npos);
  // While its devices are listed, and by leaving instead of crashing.
  stack.fault(0, "exit SKF_EnumDev");
  ASSERT_TRUE(stack.wait_trouble(SkfStack::own_reader(0), "skf.crashed"));
  EXPECT_EQ(stack.trouble(SkfStack::own_reader(0)).left(), "exit 3");
  EXPECT_EQ(stack.sign(0, "listing-ends"), "signed");
  stack.fault(0, {});
  EXPECT_TRUE(stack.wait_trouble(SkfStack::own_reader(0), ""));
  // With the PIN in its hands: the counter shows that no try was spent, and it is presented again once it works.
  stack.fault(0, "crash SKF_VerifyPIN");
  stack.device(0).pull();
  ASSERT_TRUE(stack.wait_state(0, "gone"));
  stack.device(0).plug();
  ASSERT_TRUE(stack.wait_state(0, "opening skf.crashed"));
  stack.fault(0, {});
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  EXPECT_EQ(stack.key(0).counters().verify_failures, 0U);
  EXPECT_EQ(::kill(host, 0), 0);
  EXPECT_EQ(stack.keyd_pid(), host);
}

}  // namespace
}  // namespace taxgate::tests
