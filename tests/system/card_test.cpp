// A virtual key in a real vpcd reader of a real pcscd, driven through winscard and by opensc-tool: nothing here knows
// that the key is virtual.
#include <gtest/gtest.h>
#include <winscard.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "protocol/gmt0017.h"
#include "simulator/vpcd/private_pcscd.h"
#include "simulator/vpcd/vpcd_card.h"

namespace {

using namespace taxgate;
using namespace taxgate::simulator;
using namespace std::chrono_literals;
namespace gm = taxgate::gmt0017;
namespace fs = std::filesystem;

constexpr std::int64_t kNow = 1'793'000'000'000;  // any time: certificates are not checked here
constexpr std::string_view kPin = "123456";
constexpr DWORD kAppearsWithinMs = 30'000;  // pcscd polls every 0.4 s; the rest is a busy machine

/// One pcscd for all tests: the PC/SC library remembers its socket for as long as the process lives.
class Stack {
 public:
  Stack() : directory_((fs::temp_directory_path() / "taxgate-card-XXXXXX").string()) {
    if (!::mkdtemp(directory_.data())) std::abort();
  }
  ~Stack() {
    cards_[0].reset();
    cards_[1].reset();
    pcscd_.reset();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  void start() {
    auto pcscd = PrivatePcscd::start({.directory = directory_, .readers = 1});
    ASSERT_TRUE(pcscd) << pcscd.error().id << " " << pcscd.error().field << ": " << pcscd.error().detail;
    pcscd_ = std::move(*pcscd);
    ::setenv("PCSCLITE_CSOCK_NAME", pcscd_->socket().c_str(), 1);
    authority_.emplace(KeyAuthority::create("key CA", kNow));
    for (std::size_t i = 0; i < cards_.size(); ++i) {
      KeyDefinition key;
      key.serial = fmt::format("TGSIM000{}", i + 1);
      key.taxpayer = "91310115TGDM00011U";
      key.name = "测试企业";
      key.pin = kPin;
      key.admin_pin = "12345678";
      key.valid_from_ms = kNow;
      key.valid_until_ms = kNow + 365LL * 86'400'000;
      keys_[i] =
          std::move(VirtualKey::open(fmt::format("{}/{}.key", directory_, key.serial), key, *authority_).value());
      cards_[i] = std::make_unique<VpcdCard>(*keys_[i], "127.0.0.1", pcscd_->slots()[i].port);
    }
  }
  bool started() const { return pcscd_ != nullptr; }
  PrivatePcscd& pcscd() { return *pcscd_; }
  VirtualKey& key(std::size_t i) { return *keys_[i]; }
  VpcdCard& card(std::size_t i) { return *cards_[i]; }
  const std::string& reader(std::size_t i) { return pcscd_->slots()[i].reader; }

 private:
  std::string directory_;
  std::unique_ptr<PrivatePcscd> pcscd_;
  std::optional<KeyAuthority> authority_;
  std::array<std::unique_ptr<VirtualKey>, 2> keys_;
  std::array<std::unique_ptr<VpcdCard>, 2> cards_;
};

class CardInPcscd : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    stack_ = std::make_unique<Stack>();
    stack_->start();
  }
  // Not left to the end of the process: the cards' threads must end before OpenSSL puts its things away.
  static void TearDownTestSuite() { stack_.reset(); }
  void SetUp() override {
    ASSERT_TRUE(stack().started());
    ASSERT_EQ(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_), SCARD_S_SUCCESS);
  }
  void TearDown() override {
    if (handle_) SCardDisconnect(handle_, SCARD_RESET_CARD);
    for (std::size_t i = 0; i < 2; ++i) {
      stack().card(i).clear_faults();
      stack().card(i).unplug();
      // The next test must not see the card of this one: pcscd notices a removal only when it polls.
      EXPECT_TRUE(wait_for(i, false));
    }
    SCardReleaseContext(context_);
  }
  static Stack& stack() { return *stack_; }

  bool wait_for(std::size_t slot, bool present) {
    SCARD_READERSTATE state{};
    state.szReader = stack().reader(slot).c_str();
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kAppearsWithinMs);
    while (std::chrono::steady_clock::now() < until) {
      if (SCardGetStatusChange(context_, kAppearsWithinMs, &state, 1) != SCARD_S_SUCCESS) return false;
      if (((state.dwEventState & SCARD_STATE_PRESENT) != 0) == present) return true;
      state.dwCurrentState = state.dwEventState;
    }
    return false;
  }
  void plug_and_connect(std::size_t slot) {
    stack().card(slot).plug();
    ASSERT_TRUE(wait_for(slot, true));
    DWORD protocol = 0;
    ASSERT_EQ(SCardConnect(context_, stack().reader(slot).c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &handle_,
                           &protocol),
              SCARD_S_SUCCESS);
    ASSERT_EQ(protocol, SCARD_PROTOCOL_T1);
  }
  /// status 0: PC/SC failed, or vpcd passed on less than a status word, as it does when a card is pulled.
  struct Answer {
    LONG pcsc;
    Bytes data;
    std::uint16_t status;
  };
  Answer transmit(const Bytes& apdu) {
    Bytes out(gm::kMaxResponse);
    DWORD size = out.size();
    const LONG pcsc = SCardTransmit(handle_, SCARD_PCI_T1, apdu.data(), apdu.size(), nullptr, out.data(), &size);
    const auto response = gm::read_response(ByteView(out).first(pcsc == SCARD_S_SUCCESS ? size : 0));
    if (!response) return {pcsc, {}, 0};
    return {pcsc, Bytes(response->data.begin(), response->data.end()), response->status};
  }
  struct Opened {
    gm::AppId app = 0;
    gm::ContainerId container = 0;
  };
  Opened open_and_login() {
    Opened out;
    out.app = gm::read_application(transmit(gm::open_application("TAXGATE")).data).value().id;
    out.container = gm::read_container_id(transmit(gm::open_container(out.app, "SIGN")).data).value();
    const Bytes random = transmit(gm::gen_random(gm::kChallenge)).data;
    const auto cipher = gm::pin_cipher(as_bytes(kPin), std::span<const std::uint8_t, gm::kChallenge>(random)).value();
    EXPECT_EQ(transmit(gm::verify_pin(out.app, gm::PinType::user, cipher)).status, gm::sw::ok);
    return out;
  }

  inline static std::unique_ptr<Stack> stack_;
  SCARDCONTEXT context_ = 0;
  SCARDHANDLE handle_ = 0;
};

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> part;
  while (std::size_t n = std::fread(part.data(), 1, part.size(), pipe)) out.append(part.data(), n);
  ::pclose(pipe);
  return out;
}

TEST_F(CardInPcscd, IsListedUnderTheNameOfItsSlot) {
  DWORD size = 0;
  ASSERT_EQ(SCardListReaders(context_, nullptr, nullptr, &size), SCARD_S_SUCCESS);
  std::string names(size, '\0');
  ASSERT_EQ(SCardListReaders(context_, nullptr, names.data(), &size), SCARD_S_SUCCESS);
  for (const auto& slot : stack().pcscd().slots()) EXPECT_NE(names.find(slot.reader), std::string::npos) << names;
}

TEST_F(CardInPcscd, SignsWhatItsCertificateVerifies) {
  plug_and_connect(0);
  const auto in = open_and_login();
  const Bytes der =
      gm::read_certificate_der(transmit(gm::export_certificate(in.app, in.container, gm::KeyUse::signing)).data)
          .value();
  const auto facts = read_certificate(der).value();
  const Digest e = sm2_e(kDefaultSignerId, facts.key, as_bytes("a red-letter submission"));
  const auto signature = gm::read_signature(transmit(gm::ecc_sign_data(in.app, in.container, e)).data).value();
  EXPECT_TRUE(sm2_verify(facts.key, e, signature).value());
  EXPECT_EQ(facts.taxpayer, "91310115TGDM00011U");
  EXPECT_TRUE(facts.simulated);
}

TEST_F(CardInPcscd, CarriesTheLongestExtendedCommandAndAnswer) {
  plug_and_connect(0);
  const auto in = open_and_login();
  transmit(gm::delete_file(in.app, "LONG"));
  constexpr std::uint32_t kSize = 60'000;
  ASSERT_EQ(transmit(gm::create_file(in.app, {"LONG", kSize, 0xFF, 0xFF})).status, gm::sw::ok);
  Bytes content(kSize);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::uint8_t>(i * 31);
  ASSERT_EQ(transmit(gm::write_file(in.app, "LONG", 0, content)).status, gm::sw::ok);
  EXPECT_EQ(transmit(gm::read_file(in.app, "LONG", 0, kSize)).data, content);
  EXPECT_EQ(transmit(gm::delete_file(in.app, "LONG")).status, gm::sw::ok);
}

TEST_F(CardInPcscd, LosesItsLoginWhenItIsPulledAndAnswersAgainWhenPutBack) {
  plug_and_connect(0);
  const auto in = open_and_login();
  stack().card(0).unplug();
  EXPECT_EQ(transmit(gm::get_dev_info()).status, 0);
  ASSERT_TRUE(wait_for(0, false));
  stack().card(0).plug();
  ASSERT_TRUE(wait_for(0, true));
  DWORD protocol = 0;
  ASSERT_EQ(SCardReconnect(handle_, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_RESET_CARD, &protocol),
            SCARD_S_SUCCESS);
  const auto answer = transmit(gm::ecc_sign_data(in.app, in.container, Digest{}));
  EXPECT_EQ(answer.pcsc, SCARD_S_SUCCESS);
  EXPECT_EQ(answer.status, gm::sw::no_reference);
}

TEST_F(CardInPcscd, PulledInMidAnswerYieldsNoSignatureAndIsBackWhenPutBack) {
  plug_and_connect(0);
  const auto in = open_and_login();
  CardFault fault;
  fault.kind = CardFault::Kind::unplug;
  fault.ins = static_cast<std::uint8_t>(gm::Ins::ecc_sign_data);
  fault.direction = CardFault::Direction::response;
  fault.at_byte = 17;  // of 72: length 2, BitLen 4, r 32, s 32, status word 2
  stack().card(0).add_fault(fault);
  const auto cut = transmit(gm::ecc_sign_data(in.app, in.container, Digest{}));
  // vpcd hands the torso up as if it were an answer: only its length tells.
  EXPECT_FALSE(gm::read_signature(cut.data)) << cut.data.size();
  EXPECT_FALSE(stack().card(0).plugged());
  ASSERT_TRUE(wait_for(0, false));
  SCardDisconnect(handle_, SCARD_LEAVE_CARD);
  plug_and_connect(0);
  const auto again = open_and_login();
  EXPECT_EQ(transmit(gm::ecc_sign_data(again.app, again.container, Digest{})).status, gm::sw::ok);
}

TEST_F(CardInPcscd, LeavesTheOtherSlotAloneWhileOneCardHangs) {
  stack().card(1).plug();
  ASSERT_TRUE(wait_for(1, true));
  plug_and_connect(0);
  CardFault hang;
  hang.kind = CardFault::Kind::hang;
  stack().card(1).add_fault(hang);
  std::thread blocked([] {
    SCARDCONTEXT context = 0;
    SCARDHANDLE handle = 0;
    DWORD protocol = 0;
    SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context);
    if (SCardConnect(context, stack().reader(1).c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &handle, &protocol) ==
        SCARD_S_SUCCESS) {
      const Bytes apdu = gm::get_dev_info();
      Bytes out(gm::kMaxResponse);
      DWORD size = out.size();
      const LONG pcsc = SCardTransmit(handle, SCARD_PCI_T1, apdu.data(), apdu.size(), nullptr, out.data(), &size);
      EXPECT_TRUE(pcsc != SCARD_S_SUCCESS || size == 0) << pcsc << " " << size;
      SCardDisconnect(handle, SCARD_LEAVE_CARD);
    }
    SCardReleaseContext(context);
  });
  while (stack().card(1).fault_count() != 0) std::this_thread::sleep_for(1ms);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(transmit(gm::get_dev_info()).status, gm::sw::ok);
  stack().card(1).unplug();
  blocked.join();
}

TEST_F(CardInPcscd, IsDrivenByOpenscTool) {
  stack().card(0).plug();
  ASSERT_TRUE(wait_for(0, true));
  EXPECT_NE(output_of("opensc-tool --reader 0 --atr").find("3b:85:01:54:47:53:49:4d"), std::string::npos)
      << output_of("opensc-tool --reader 0 --atr");
  const std::string random = output_of("opensc-tool --reader 0 --card-driver default --send-apdu 8050000008");
  EXPECT_NE(random.find("SW1=0x90, SW2=0x00"), std::string::npos) << random;
  const std::string opened = output_of(
      "opensc-tool --reader 0 --card-driver default --send-apdu 80260000075441584741544500 "
      "--send-apdu 804200000600015349474E00 --send-apdu 80880100040001000100");
  const PublicKey key = read_certificate(stack().key(0).certificate()).value().key;
  std::string shown = opened.substr(std::min(opened.size(), opened.rfind("Sending: 80 88")));
  EXPECT_NE(shown.find(fmt::format("{:02X} {:02X} {:02X} {:02X}", key[0], key[1], key[2], key[3])), std::string::npos)
      << opened;
  const std::string probe =
      output_of("opensc-tool --reader 0 --card-driver default --send-apdu 00A4040000 --send-apdu 80EE000000");
  EXPECT_NE(probe.find("SW1=0x6E, SW2=0x00"), std::string::npos) << probe;
  EXPECT_NE(probe.find("SW1=0x6D, SW2=0x00"), std::string::npos) << probe;
}

}  // namespace
