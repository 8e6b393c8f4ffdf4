#pragma once
// A virtual tax key: a GM/T 0017 token that answers APDUs as a real one would, with real SM2 keys. It knows no
// transport; front ends (simulator/vpcd) feed it bytes.
//
// Fidelity: instructions a real token has and this one does not answer 6A81; foreign classes 6E00, foreign
// instructions 6D00. Secure messaging (class 84), device authentication, application and container creation, key
// import and encryption are not simulated. docs/virtual-key.md names every invention.
// Thread: all members may be called from any thread; one command runs at a time, as on a card.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "protocol/legal_time.h"
#include "simulator/device/card_content.h"
#include "simulator/device/card_device.h"
#include "simulator/device/tax_disk.h"

namespace taxgate::simulator {

/// The file of a virtual tax disk that shows what the disk holds, as a TaxDisk message (protocol/keyd.proto). Read
/// only.
inline constexpr const char* kDiskFile = "TAXDISK";

class VirtualKey final : public CardDevice {
 public:
  /// What happened since the start or reset_counters(); kept in memory only.
  struct Counters {
    std::uint64_t commands = 0, power_ons = 0, resets = 0;
    std::uint64_t verify_attempts = 0;  // VerifyPIN, ChangePIN, UnblockPIN in which the secret was compared
    std::uint64_t verify_failures = 0, signatures = 0;
  };
  struct PinState {
    unsigned tries_left = 0, max_tries = 0;
  };

  /// The key of `state_path`, personalised from `definition` when the file does not exist yet.
  /// errors  corrupt sim.state_format (also when the file is another key's), retry_later sim.state_io,
  ///         invalid_input sim.key_definition
  static Result<std::unique_ptr<VirtualKey>> open(const std::string& state_path, const KeyDefinition& definition,
                                                  const KeyAuthority& issuer);

  /// T=1, historical bytes "TGSIM", with its check byte.
  static Bytes atr();

  /// One command APDU in, one response APDU out (status word last); never empty, total on hostile bytes.
  Bytes process(ByteView apdu) override;

  void power_on() override;  // each of the three loses login, open applications and the challenge
  void power_off() override;
  void reset() override;

  std::string serial() const;
  std::string taxpayer() const;
  std::string application() const;  // of the first application
  std::string container() const;
  Bytes certificate() const;  // DER of the first container
  PinState user_pin() const;

  /// From now on the key is a tax disk: kDiskFile is there, and the key signs while the disk lets it. `clock` must
  /// outlive it.
  void carry_disk(TaxDisk disk, const LegalClock& clock);
  /// Something happens to the disk, between two commands. False: this key is no disk.
  bool with_disk(const std::function<void(TaxDisk&, std::int64_t now_ms)>& act);

  Counters counters() const;
  void reset_counters();

  // Faults: what a broken or attacked key does.
  /// The next `count` signatures are well formed and wrong.
  void corrupt_next_signatures(unsigned count) override;
  /// errors  retry_later sim.state_io. `tries_left` above the maximum means the maximum; 0 locks.
  Result<void> set_tries_left(unsigned tries_left) override;

 private:
  struct Session {
    std::set<gmt0017::AppId> open_applications;
    std::set<std::pair<gmt0017::AppId, gmt0017::ContainerId>> open_containers;
    std::set<std::pair<gmt0017::AppId, gmt0017::PinType>> logins;
    std::optional<std::array<std::uint8_t, gmt0017::kChallenge>> challenge;
  };
  VirtualKey(std::string state_path, CardContent content);

  Bytes dispatch(const gmt0017::Command& command);
  Bytes dev_info() const;
  Bytes set_label(const gmt0017::Command& command);
  Bytes random(const gmt0017::Command& command);
  Bytes enum_applications() const;
  Bytes open_application(const gmt0017::Command& command);
  Bytes close_application(const gmt0017::Command& command);
  Bytes pin_info(const gmt0017::Command& command);
  Bytes verify_pin(const gmt0017::Command& command);
  Bytes change_pin(const gmt0017::Command& command, bool unblock);
  Bytes clear_secure_state(const gmt0017::Command& command);
  Bytes enum_containers(const gmt0017::Command& command);
  Bytes open_container(const gmt0017::Command& command);
  Bytes close_container(const gmt0017::Command& command);
  Bytes container_info(const gmt0017::Command& command);
  Bytes export_from(const gmt0017::Command& command);
  Bytes sign(const gmt0017::Command& command);
  Bytes enum_files(const gmt0017::Command& command);
  Bytes create_file(const gmt0017::Command& command);
  Bytes file_command(const gmt0017::Command& command);   // delete, info: AppID ‖ name
  Bytes file_contents(const gmt0017::Command& command);  // read, write
  Bytes disk_record() const;
  Bytes disk_info() const;                                  // GetFileInfo of kDiskFile
  Bytes disk_range(const gmt0017::FileRange& range) const;  // ReadFile

  CardApplication* opened(gmt0017::AppId app);  // nullptr unless open in this session
  CardContainer* opened(gmt0017::AppId app, gmt0017::ContainerId container);
  bool allowed(gmt0017::AppId app, std::uint32_t rights) const;
  /// Compares a proof with the challenge, counting durably *before* it compares. 9000 or what the card answers.
  std::uint16_t check_secret(CardPin& pin, ByteView proof);

  const std::string state_path_;
  mutable std::mutex mutex_;
  CardContent content_;
  std::optional<TaxDisk> disk_;
  const LegalClock* disk_clock_ = nullptr;  // set with disk_
  Session session_;
  Counters counters_;
  unsigned wrong_signatures_ = 0;
};

}  // namespace taxgate::simulator
