#pragma once
// The whole system on one machine without hardware: a private pcscd with virtual keys, the virtual platform over TLS,
// and the real programs taxgate-keyd and taxgated as child processes under --lab. Demo, `taxgate-sim up` and the
// scenario and system tests all stand on it.
//
// Thread: one owner, which must outlive the stand (children die with the thread that started them).
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "protocol/api.pb.h"
#include "simulator/device/virtual_key.h"
#include "simulator/platform/platform.h"
#include "simulator/sample/sample.h"
#include "simulator/stand/child.h"
#include "simulator/vpcd/private_pcscd.h"
#include "simulator/vpcd/vpcd_card.h"

namespace taxgate::simulator {

struct StandOptions {
  std::string
      directory;  // private, existing; everything is written below it. Empty: a temporary one, removed at the end
  std::string programs;               // directory of taxgated and taxgate-keyd
  std::string taxgated = "taxgated";  // another program for the sabotage tests
  std::vector<sample::SampleTaxpayer> taxpayers = sample::three_taxpayers();
  std::vector<std::string> upload_taxpayers;  // their reds are uploaded by us; the others' are issued by the platform
  unsigned keys = 4;                          // key i belongs to taxpayer i modulo their number
  std::function<void(unsigned, KeyDefinition&)> define_key;                              // the last word on key i
  std::function<std::optional<DiskContent>(unsigned, std::int64_t now_ms)> define_disk;  // key i is a tax disk as well
  bool with_keys = true;  // false: no pcscd, no keyd (tests that sign nothing)
  Profile profile = Profile::signed_;
  std::uint64_t seed = 1;
  // Times a person would not want to wait for; only I/O, never the law's.
  int connect_ms = 500, answer_ms = 400, settle_ms = 1'500;
  int retry_first_ms = 50, retry_max_ms = 1'000;
  int poll_form_ms = 400, poll_upload_ms = 100, poll_inbox_ms = 400;
  int warn_before_hours = 12;
  std::int64_t legal_ahead_ms = 0;      // legal time begins so far ahead of this machine's
  bool tcp = true;                      // loopback TCP with a token file beside the Unix socket
  std::string sync = "at = \"off\"\n";  // [sync] of taxgated: a night only when asked, however far the clock jumps
  std::string more_config;              // appended to taxgated's TOML
};

class Stand {
 public:
  /// Simulator side: platform, pcscd, keys plugged, PIN files, both configurations. Starts no daemon yet.
  static Result<std::unique_ptr<Stand>> build(StandOptions options);
  ~Stand();
  Stand(const Stand&) = delete;
  Stand& operator=(const Stand&) = delete;

  Result<void> start_keyd();  // and waits until a key is ready
  /// and waits until it serves. `more`: further arguments; `environment`: "NAME=value"
  Result<void> start_taxgated(const std::vector<std::string>& more = {},
                              const std::vector<std::string>& environment = {});
  Child& keyd() { return keyd_; }
  Child& taxgated() { return taxgated_; }

  const std::string& directory() const { return directory_; }
  std::string api_socket() const { return directory_ + "/api.sock"; }
  std::string token_file() const { return directory_ + "/api.token"; }
  std::string taxgated_config() const { return directory_ + "/taxgated.toml"; }
  std::string keyd_config() const { return directory_ + "/keyd.toml"; }
  std::string taxgated_log() const { return directory_ + "/taxgated.log"; }
  std::string keyd_log() const { return directory_ + "/keyd.log"; }
  std::string database() const { return directory_ + "/state/taxgate.db"; }
  std::uint16_t api_tcp_port() const;  // from taxgated's api.json

  Platform& platform() { return *platform_; }
  PrivatePcscd* pcscd() { return pcscd_.get(); }
  unsigned keys() const { return static_cast<unsigned>(cards_.size()); }
  VpcdCard& card(unsigned i) { return *cards_.at(i); }
  VirtualKey& key(unsigned i) { return *virtual_keys_.at(i); }
  const StandOptions& options() const { return options_; }

  /// The platform's control interface: JSON in, JSON out. errors  rejected sim.control (status and text in detail)
  Result<std::string> control(const std::string& method, const std::string& path, const std::string& body = {});
  Result<void> advance_legal_ms(std::int64_t ms);
  /// Into the platform and, through the local API, into the ledger.
  Result<void> import_invoices(const std::vector<Invoice>& invoices);
  Result<void> seed_invoices(const std::vector<Invoice>& invoices);
  LegalTime legal_now() const { return platform_->clock().now(); }

  /// The local API over the Unix socket, protobuf in both directions. errors: the daemon's own (id = code), or cli.*
  Result<api::v1::Submission> submit(const api::v1::SubmissionRequest& request);
  Result<api::v1::Submission> show(const std::string& id);
  template <class Message>
  Result<Message> call(const std::string& method, const std::string& target,
                       const google::protobuf::Message* body = nullptr, const std::string& key = {}) {
    Message out;
    auto done = call_into(method, target, body, key, out);
    if (!done) return std::unexpected(done.error());
    return out;
  }
  struct Judgement {
    int lost = 0, doubled = 0;
    std::string text;
  };
  /// What the billing server was told of these submissions (by asking taxgated now), against the platform's own log.
  Result<Judgement> judge(const std::vector<std::string>& ids);
  /// Polls until the submission is in one of the states (or final); the last view otherwise. errors: as show
  Result<api::v1::Submission> wait_state(const std::string& id, const std::vector<std::string>& states,
                                         std::chrono::milliseconds within);

 private:
  explicit Stand(StandOptions options) : options_(std::move(options)) {}
  Result<void> build_keys();
  Result<void> write_configs();
  Result<void> call_into(const std::string& method, const std::string& target, const google::protobuf::Message* body,
                         const std::string& key, google::protobuf::Message& out);

  StandOptions options_;
  std::string directory_;
  bool remove_directory_ = false;
  std::unique_ptr<Platform> platform_;
  std::unique_ptr<PrivatePcscd> pcscd_;
  std::vector<std::unique_ptr<VirtualKey>> virtual_keys_;
  std::vector<std::unique_ptr<VpcdCard>> cards_;
  std::unique_ptr<cli::Client> api_, control_;
  Child keyd_, taxgated_;
};

inline constexpr const char* kStandPin = "246810";

}  // namespace taxgate::simulator
